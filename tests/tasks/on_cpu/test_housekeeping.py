import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from tasks.on_cpu import housekeeping
from tasks.on_cpu.housekeeping import (
    collect_garbage,
    expire_purchases,
    notify_sales,
    purge_expired,
    purge_jobs,
    purge_notifications,
    reconcile_payments,
    recount_counters,
    sweep_jobs,
    sweep_sets,
)
from tests import making, sets_albums as albums
from tests.toss import toss_of_tasks
from webapp.domain import jobs
from webapp.domain.models.account import SignIn
from webapp.domain.models.generation import Generation
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.job import Job
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.style import Style, Tag
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import notifications, purchases, reconciliation


def test_garbage_of_yesterday_is_collected_and_named_objects_stay(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
    storage.put("images/lost.png", b"x", content_type="image/png")
    for info in list(storage.list()):
        then = time.time() - 25 * 3600
        os.utime(storage.path(info.key), (then, then))
    collect_garbage()
    keys = {info.key for info in storage.list()}
    assert "images/lost.png" not in keys
    assert style.adapter_key in keys


def test_artists_are_told_the_day_after_what_they_sold_and_only_once(
    committed, storage, monkeypatch
):
    with committed.begin() as session:
        making.delivered(session, storage, 2)
    tomorrow = datetime.now(UTC) + timedelta(days=1) + housekeeping.IN_PROGRESS

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return tomorrow.astimezone(tz)

    sales = select(func.count()).where(Notification.type == NotificationType.STYLE_SALES)
    notify_sales()
    with committed() as session:
        assert session.scalar(sales) == 0, "the day is not over"
    monkeypatch.setattr(housekeeping, "datetime", Clock)
    for _ in range(2):
        notify_sales()
        with committed() as session:
            assert session.scalar(sales) == 1


def test_old_keys_and_uploads_that_never_came_are_ended(committed):
    with committed.begin() as session:
        style = making.style(session, training_status="pending", adapter_sha256=None)
        past = jobs.NOW - timedelta(hours=25)
        session.add(TrainingRun(style_id=style.id, seed=1, uploads_expire_at=past))
        person = making.user(session)
        session.add(
            IdempotencyKey(
                user_id=person.id, route="r", key="k" * 8, body_sha256="a" * 64, created_at=past
            )
        )
    purge_expired()
    purge_expired()
    with committed() as session:
        assert session.scalars(select(IdempotencyKey)).all() == []
        assert session.get(Style, style.id).training_status == "failed"


def test_sign_ins_that_are_over_are_forgotten(committed):
    with committed.begin() as session:
        person = making.user(session)
        hour = timedelta(hours=1)
        for name, ends, ended in (
            ("open", jobs.NOW + hour, None),
            ("ended", jobs.NOW + hour, jobs.NOW),
            ("run out", jobs.NOW - hour, None),
        ):
            session.add(SignIn(id=name, user_id=person.id, expires_at=ends, ended_at=ended))
    purge_expired()
    with committed() as session:
        assert session.scalars(select(SignIn.id)).all() == ["open"]


def test_old_read_news_go_in_short_transactions(committed, monkeypatch):
    monkeypatch.setattr(housekeeping, "PURGED_AT_ONCE", 2)
    with committed.begin() as session:
        person = making.user(session)
        for number in range(5):
            notifications.notify(
                session,
                person.id,
                NotificationType.LIKE,
                target_type="generation",
                target_id=number,
            )
        old = {"is_read": True, "created_at": jobs.NOW - timedelta(days=31)}
        session.execute(update(Notification).where(Notification.target_id > 0).values(**old))
    with capture_logs() as logs:
        purge_notifications()
    assert [line["notifications"] for line in logs if "notifications" in line] == [4]
    with committed() as session:
        assert session.scalars(select(Notification.target_id)).all() == [0]


def test_jobs_that_ended_long_ago_are_deleted_in_short_transactions(committed, monkeypatch):
    monkeypatch.setattr(housekeeping, "PURGED_AT_ONCE", 2)
    with committed.begin() as session:
        making.order(session, making.user(session), making.style(session), count=4)
        ended = {"state": "canceled", "finished_at": jobs.NOW - timedelta(days=31)}
        session.execute(update(Job).values(**ended))
    with capture_logs() as logs:
        purge_jobs()
    assert [line["jobs"] for line in logs if "jobs" in line] == [4]
    with committed() as session:
        assert session.scalars(select(Job)).all() == []


def test_a_purge_ends_when_its_time_is_up_and_the_next_one_continues(committed, monkeypatch):
    monkeypatch.setattr(housekeeping, "PURGED_AT_ONCE", 1)
    monkeypatch.setattr(housekeeping, "PURGE_SECONDS", 0)
    with committed.begin() as session:
        making.order(session, making.user(session), making.style(session), count=2)
        session.execute(update(Job).values(finished_at=jobs.NOW - timedelta(days=31)))
    purge_jobs()
    with committed() as session:
        assert len(session.scalars(select(Job)).all()) == 2


def test_a_ledger_whose_old_news_were_forgotten_is_still_proved(committed):
    with committed.begin() as session:
        made = making.generation(session)
        making.generations.fail(session, made.id, "TIMEOUT", "")
        making.change_job(session, making.job_of(session, made).id, state="failed")
        past = {"created_at": jobs.NOW - timedelta(days=31)}
        session.execute(update(making.Generation).values(**past))
        session.execute(update(Notification).values(is_read=True, **past))
    purge_notifications()
    with committed() as session:
        assert session.scalars(select(Notification)).all() == []
        assert making.violations(session) == []


def test_forgotten_sets_are_canceled_and_the_files_of_old_ones_let_go(committed):
    with committed.begin() as session:
        forgotten = albums.album(session, status=SetsJobStatus.CREATED)
        old = albums.album(session, status=SetsJobStatus.FAILED)
        past = {"updated_at": jobs.NOW - timedelta(hours=2)}
        session.execute(update(SetsJob).values(**past))
        session.execute(
            update(SetsJob).where(SetsJob.id == old.id).values(expires_at=jobs.NOW - timedelta(1))
        )
    with capture_logs() as logs:
        sweep_sets()
    [swept] = [line for line in logs if line["event"] == "sets swept"]
    assert (swept["canceled"], swept["purged"]) == (1, 1)
    with committed() as session:
        assert session.get_one(SetsJob, forgotten.id).status == SetsJobStatus.CANCELED
        assert session.get_one(SetsJob, old.id).purged_at is not None


@pytest.fixture
def toss(monkeypatch):
    with toss_of_tasks(monkeypatch) as running:
        yield running


def statuses(committed):
    with committed() as session:
        return list(session.scalars(select(Purchase.status).order_by(Purchase.id)))


def test_orders_that_ran_out_end_and_what_was_begun_is_finished(committed, toss):
    with committed.begin() as session:
        person = making.user(session)
        orders = [
            purchases.order_tokens(session, user_id=person.id, package_id="basic_100")
            for _ in range(3)
        ]
        past = func.clock_timestamp() - timedelta(minutes=31)
        payment_key = toss.approve(orders[1].order_id)
        session.execute(update(Purchase).where(Purchase.id != orders[2].id).values(expires_at=past))
        session.execute(
            update(Purchase)
            .where(Purchase.id == orders[1].id)
            .values(status="authorized", payment_key=payment_key, confirm_key="k", updated_at=past)
        )
    for _ in range(2):
        expire_purchases()
        assert statuses(committed) == ["expired", "paid", "pending"]
    with committed() as session:
        assert making.violations(session) == []


def test_books_that_differ_are_errors_that_page_and_are_counted(committed, toss, monkeypatch):
    monkeypatch.setattr(housekeeping, "IN_PROGRESS", timedelta(0))
    payment_key = toss.approve("P_elsewhere")
    toss.provider.confirm(
        payment_key=payment_key, order_id="P_elsewhere", amount=10_000, idempotency_key="one"
    )
    with capture_logs() as logs:
        reconcile_payments()
    [difference] = [line for line in logs if line["log_level"] == "error"]
    assert (difference["event"], difference["order_id"]) == ("payments differ", "P_elsewhere")
    assert [line["differences"] for line in logs if "differences" in line] == [1]
    with committed() as session:
        assert reconciliation.last_comparison(session).differences == [
            ("P_elsewhere", "unknown", 10_000)
        ]


def test_jobs_a_standing_relay_left_behind_are_taken_back_with_a_warning(committed):
    with committed.begin() as session:
        lost, overdue, fine = (making.generation(session) for _ in range(3))
        past = jobs.NOW - timedelta(minutes=1)
        job = making.job_of(session, lost)
        making.change_job(session, job.id, state="running", lease_until=past)
        making.change_job(session, making.job_of(session, overdue).id, deadline_at=past)
    with capture_logs() as logs:
        sweep_jobs()
        sweep_jobs()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["expired_leases"], line["overdue"]) for line in warnings] == [(1, 1)]
    with committed() as session:
        assert (making.job_of(session, lost).state, making.job_of(session, lost).crashes) == (
            "queued",
            1,
        )
        assert making.job_of(session, overdue).step == "refund"
        assert making.job_of(session, fine).step == "render_images"


def test_every_wrong_counter_is_put_right_and_told(committed):
    with committed.begin() as session:
        image = making.generation(session)
        image.like_count = 4
        right, wrong, unused = (
            Tag(name=name, style_count=uses) for name, uses in (("boat", 1), ("ink", 7), ("fog", 2))
        )
        session.add_all([right, wrong, unused])
        making.style(session, tags=["ink"])
    with capture_logs() as logs:
        recount_counters()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["counter"], line["id"], line["was"], line["now"]) for line in warnings] == [
        ("generations.like_count", image.id, 4, 0),
        ("tags.style_count", wrong.id, 7, 1),
        ("tags.style_count", unused.id, 2, 0),
    ]
    with committed() as session:
        assert session.get(Generation, image.id).like_count == 0
        counts = {tag.name: tag.usage_count for tag in session.scalars(select(Tag))}
        assert counts == {"boat": 1, "ink": 1, "fog": 0}
