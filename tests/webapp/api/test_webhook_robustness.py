"""What workers, and who pretends to be one, may throw at the webhooks: nothing happens twice."""

import hashlib
import itertools

import pytest
from sqlalchemy import func, select

from tests import making
from tests.database import at_once
from tests.webapp.conftest import WORKER_HEADERS, error_code
from webapp.domain import due_jobs
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.notification import Notification
from webapp.domain.services import ledger

TRAINER, RENDERER = "training-server", "inference-server"
# Every route for workers: method, path, the source it is for, and one that it is not for.
ROUTES = [
    ("POST", "/webhooks/claim", RENDERER, "browser"),
    ("POST", "/notifications", RENDERER, "browser"),
    ("PATCH", "/webhooks/training/progress", TRAINER, RENDERER),
    ("POST", "/webhooks/training/complete", TRAINER, RENDERER),
    ("POST", "/webhooks/training/failed", TRAINER, RENDERER),
    ("PATCH", "/webhooks/inference/progress", RENDERER, TRAINER),
    ("POST", "/webhooks/inference/complete", RENDERER, TRAINER),
    ("POST", "/webhooks/inference/failed", RENDERER, TRAINER),
    ("PATCH", "/models/1/status", TRAINER, RENDERER),
    ("PATCH", "/styles/1", TRAINER, RENDERER),
    ("PATCH", "/images/1/status", RENDERER, TRAINER),
    ("PATCH", "/generations/1", RENDERER, TRAINER),
]
# Without a bearer these are what a person calls.
ALSO_PERSONS = {"/styles/1", "/generations/1"}
each_route = pytest.mark.parametrize("method, path, source, other", ROUTES)
AS_RENDERER = WORKER_HEADERS | {"X-Request-Source": RENDERER}


def everything(session):
    """What a webhook could change."""
    session.expire_all()
    jobs = [
        (job.id, job.state, job.step, job.fence, job.tries, job.handover)
        for job in session.scalars(select(Job).order_by(Job.id))
    ]
    images = [
        (image.id, image.status, image.price_tokens, image.user_id, image.progress)
        for image in session.scalars(select(Generation).order_by(Generation.id))
    ]
    rows = [
        session.scalar(select(func.count()).select_from(one)) for one in (Transfer, Notification)
    ]
    return jobs, images, rows


@each_route
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer " + "x" * 43},
        {"Authorization": "Basic " + WORKER_HEADERS["Authorization"]},
        {"X-Request-Source": ""},
        {"X-Request-Source": "OTHER"},
    ],
    ids=["no token", "empty token", "wrong token", "other scheme", "no source", "wrong source"],
)
def test_who_is_not_our_worker_is_refused_and_changes_nothing(
    app, session, ordered, method, path, source, other, headers
):
    before = everything(session)
    given = WORKER_HEADERS | {"X-Request-Source": source} | headers
    given = {name: value.replace("OTHER", other) for name, value in given.items()}
    answer = app.test_client().open(f"/api/v1{path}", method=method, json={}, headers=given)
    if path in ALSO_PERSONS and not given["Authorization"].startswith("Bearer "):
        assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")
    else:
        assert (answer.status_code, error_code(answer)) == (403, "CALLBACK_UNAUTHORIZED")
    assert everything(session) == before


@each_route
@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"status": "failed", "progress": NaN}', (400, 422)),
        (b'{"attempt": 1e999, "fence": {}, "status": [], "job_id": "x"}', (400, 422)),
        (b"0" * (10 << 20), 413),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else "",
)
def test_what_is_no_report_has_its_code_and_changes_nothing(
    app, session, ordered, method, path, source, other, body, status
):
    before = everything(session)
    answer = app.test_client().open(
        f"/api/v1{path}",
        method=method,
        data=body,
        content_type="application/json",
        headers=WORKER_HEADERS | {"X-Request-Source": source},
        buffered=True,
    )
    assert answer.status_code in (status if isinstance(status, tuple) else (status,))
    codes = {"INVALID_REQUEST", "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE"}
    assert error_code(answer) in codes
    assert everything(session) == before


def claimed(worker, client):
    """A claimed image, its raw file in storage, and the report that completes it."""
    wish = {"worker": "gpu-1", "kinds": ["generation"]}
    [job] = worker("POST", "/claim", wish).json["data"]["jobs"]
    raw, place = making.picture_png(), job["upload"]["image"]
    client.put(place["url"], data=raw, headers=place["headers"])
    named = {"generation_id": job["payload"]["generation_id"], "fence": job["fence"]}
    return job, named | {
        "result_key": place["key"],
        "sha256": hashlib.sha256(raw).hexdigest(),
        "seed": 7,
        "width": 512,
        "height": 512,
        "adapter_sha256": job["payload"]["adapter_sha256"],
    }


def reports(result):
    """Every report a worker can make of one claimed image."""
    named = {name: result[name] for name in ("generation_id", "fence")}
    progress = {"current_step": 5, "total_steps": 10, "progress_percent": 50}
    return {
        "progress": ("PATCH", "/inference/progress", named | {"progress": progress}),
        "complete": ("POST", "/inference/complete", result),
        "failed": ("POST", "/inference/failed", named | {"error_code": "INVALID_PROMPT"}),
    }


@pytest.mark.parametrize("event", ["complete", "failed"])
def test_five_times_the_same_report_is_one(worker, client, session, ordered, event):
    _, result = claimed(worker, client)
    call = reports(result)[event]
    first, *again = [worker(*call).json["data"] for _ in range(5)]
    assert first["applied"] is True
    after = everything(session)
    assert {answer["applied"] for answer in again} == {False}
    assert {answer["reason"] for answer in again} <= {"duplicate", "terminal"}
    worker(*call)
    assert everything(session) == after
    assert making.violations(session) == []


@pytest.mark.parametrize("order", [*itertools.permutations(["progress", "complete", "failed"])])
def test_reports_in_any_order_end_as_the_first_that_ends_it(
    worker, client, session, ordered, order
):
    _, result = claimed(worker, client)
    calls = reports(result)
    told = {event: worker(*calls[event]).json["data"] for event in order}
    end, late = [event for event in order if event != "progress"]
    assert told[end]["applied"] is True
    assert told[late]["applied"] is False
    assert told["progress"]["applied"] is (order[0] == "progress")
    session.expire_all()
    job = making.job_of(session, ordered)
    assert (job.state, job.step) == {
        "complete": ("queued", "stamp_signature"),
        "failed": ("failed", "render_images"),
    }[end]
    refunds = session.scalar(select(func.count()).where(Transfer.kind == "refund"))
    assert refunds == (end == "failed")
    assert making.violations(session) == []


@pytest.mark.parametrize("event", ["progress", "complete", "failed"])
def test_who_lost_its_lease_comes_too_late_with_anything(worker, client, session, ordered, event):
    job, result = claimed(worker, client)
    making.change_job(session, job["job_id"], lease_until=making.jobs.NOW)
    due_jobs.requeue_expired(session)
    session.commit()
    claimed(worker, client)  # another worker has it now
    before = everything(session)
    answer = worker(*reports(result)[event]).json["data"]
    assert (answer["applied"], answer["reason"]) == (False, "stale_attempt")
    assert everything(session) == before


def test_a_report_cannot_name_a_price_an_owner_or_a_state(worker, client, session, ordered):
    _, result = claimed(worker, client)
    forged = {"price_tokens": 1, "consumed_tokens": 1, "user_id": 1, "status": "completed"}
    assert worker("POST", "/inference/complete", result | forged).json["data"]["applied"] is True
    session.refresh(ordered)
    assert (ordered.price_tokens, ordered.status) == (10, "processing")
    assert making.violations(session) == []


def test_one_order_cannot_be_completed_with_the_lease_or_the_picture_of_another(
    worker, client, session, storage, ordered
):
    other = making.generation(session, storage)
    session.commit()
    _, mine = claimed(worker, client)
    _, theirs = claimed(worker, client)
    assert (mine["generation_id"], theirs["generation_id"]) == (ordered.id, other.id)
    making.change_job(session, making.job_of(session, other).id, fence=5)
    session.commit()
    with_foreign_lease = theirs | {"fence": mine["fence"]}
    told = worker("POST", "/inference/complete", with_foreign_lease).json["data"]
    assert (told["applied"], told["reason"]) == (False, "stale_attempt")
    picture = {name: theirs[name] for name in ("result_key", "sha256")}
    answer = worker("POST", "/inference/complete", mine | picture)
    assert answer.json["error"]["details"] == {"reason": "file_missing"}


@pytest.mark.parametrize("event", ["complete", "failed"])
def test_five_at_once_are_one(real_app, committed, storage, event):
    with committed.begin() as session:
        image = making.generation(session, storage)
        buyer = image.user_id

    def worker(method, path, body):
        return real_app.test_client().open(
            f"/api/v1/webhooks{path}", method=method, json=body, headers=AS_RENDERER
        )

    _, result = claimed(worker, real_app.test_client())
    call = reports(result)[event]
    answers = at_once(*[lambda: worker(*call)] * 5)
    assert sorted(answer.json["data"]["applied"] for answer in answers) == [False] * 4 + [True]
    with committed() as session:
        held = {"complete": 90, "failed": 100}[event]
        assert ledger.balances(session, buyer).spendable == held
        assert making.violations(session) == []
