import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.conftest import make_app, signed_in_client
from tests.webapp.pages.admin.conftest import REASON
from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.models.job import Job
from webapp.domain.services import heartbeats, training

PAST, SOON = jobs.NOW - timedelta(minutes=1), jobs.NOW + timedelta(minutes=5)


@pytest.fixture
def job(session, buyer, style):
    """The job of a new order, put where a test wants it."""

    def made(**columns):
        found = making.job_of(session, making.order(session, buyer, style)[0])
        making.change_job(session, found.id, **{"crashes": 0} | columns)
        session.commit()
        return found.id

    return made


def shown(client):
    return [
        item["id"] for item in Page(client.get("/admin/operations")).all("li", **{"class": "item"})
    ]


def test_what_is_stuck_is_listed_the_worst_first(admin_client, job):
    job()
    job(state="running", lease_until=SOON)
    expected = [
        job(deadline_at=PAST),
        job(state="running", lease_until=PAST),
        job(step="refund", failure_cause="TIMEOUT"),
        job(crashes=2),
        job(tries=1, run_at=SOON, failure_cause="GPU_OOM"),
    ]
    assert shown(admin_client) == [f"job-{number}" for number in expected]
    text = Page(admin_client.get("/admin/operations")).text
    for said in (
        "Past its deadline",
        "Worker not responding",
        "Canceling and refunding",
        "2 workers lost",
        "attempt 2",
        "Out of memory",
    ):
        assert said in text


def test_what_failed_within_a_day_stands_below(admin_client, job):
    recent = {"state": "failed", "failure_cause": "TIMEOUT", "request_id": "req-1"}
    job(**recent, finished_at=jobs.NOW)
    job(state="failed", request_id="req-2", finished_at=jobs.NOW - timedelta(days=2))
    job(state="done", request_id="req-3", finished_at=jobs.NOW)
    text = Page(admin_client.get("/admin/operations")).text
    assert "req-1" in text
    assert "req-2" not in text
    assert "req-3" not in text
    assert shown(admin_client) == []


def test_a_training_without_enough_good_works_says_so(admin_client, session, storage):
    run = making.training(session, storage)
    training.fail(session, run.id, "INSUFFICIENT_IMAGES", "9 of 10 images are valid.")
    making.change_job(session, making.job_of(session, run).id, state="failed", finished_at=jobs.NOW)
    session.commit()
    assert (
        "Fewer than ten artworks passed the checks."
        in Page(admin_client.get("/admin/operations")).text
    )


def test_a_training_leads_to_its_style(admin_client, session, storage):
    run = making.training(session, storage, step="train_style")
    making.change_job(session, making.job_of(session, run).id, tries=1)
    session.commit()
    assert f"/styles/{run.style_id}" in Page(admin_client.get("/admin/operations")).links()


def test_a_waiting_job_is_published_by_hand_and_the_log_has_it(session, press, log, job):
    number = job(tries=1, run_at=SOON, published_at=jobs.NOW)
    answer = press("/admin/operations", f"/admin/operations/{number}", action="retry")
    assert answer.headers["Location"] == "/admin/operations?done=queued"
    row = session.execute(
        select(Job.run_at <= jobs.NOW, Job.published_at).where(Job.id == number)
    ).one()
    assert tuple(row) == (True, None)
    assert log() == [("job", str(number), {"run_at": "now"}, REASON)]


def test_a_job_that_does_not_wait_is_not_published(admin_client, job, log):
    number = job(state="running", lease_until=PAST)
    assert (
        Page(admin_client.get("/admin/operations")).all(
            "form", action=f"/admin/operations/{number}"
        )
        == []
    )
    for each in (number, 99999999):
        form = {"action": "retry", "reason": REASON}
        assert admin_client.post(f"/admin/operations/{each}", data=form).status_code == 404
    assert log() == []


def test_queues_and_heartbeats_are_read_from_our_own_rows(admin_client, session, job):
    job()
    job(run_at=SOON)
    heartbeats.beat(session, heartbeats.RELAY, {"dead_letters": 2})
    session.commit()
    text = Page(admin_client.get("/admin/operations")).text
    assert "image_generation render_images 1 1 0" in text
    assert re.search(r"relay \d+ seconds? ago dead_letters: 2", text)


def test_the_last_check_of_the_ledger_is_told(admin_client, session):
    assert "/admin/operations#ledger" in Page(admin_client.get("/admin")).links()
    assert "The ledger has not been checked" in Page(admin_client.get("/admin/operations")).text
    heartbeats.beat(session, heartbeats.LEDGER, {"I1": 0, "I5": 0})
    session.commit()
    page = Page(admin_client.get("/admin/operations"))
    assert page.all("h2", id="ledger")
    assert re.search(r"All invariants hold\. Checked \d+ seconds? ago\.", page.text)
    heartbeats.beat(session, heartbeats.LEDGER, {"I1": 0, "I5": 2})
    session.commit()
    text = Page(admin_client.get("/admin/operations")).text
    assert re.search(r"Not all invariants hold\. Checked \d+ seconds? ago\. I5: 2", text)


def test_flower_is_linked_where_it_is_known(
    admin_client, bind, storage, monkeypatch, session, admin
):
    assert "Flower" not in Page(admin_client.get("/admin/operations")).text
    app = bind(make_app(monkeypatch, FLOWER_URL="http://localhost:5555"))
    links = Page(signed_in_client(app, session, admin).get("/admin/operations")).links()
    assert "http://localhost:5555" in links
