import os
import time
from datetime import timedelta

from sqlalchemy import select, text
from structlog.testing import capture_logs

from tasks.on_cpu.housekeeping import check_ledger, collect_garbage, purge_expired
from tests import making
from webapp.domain import jobs
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.style import Style
from webapp.domain.models.training import TrainingRun


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


def test_a_violated_ledger_is_an_error_that_pages(committed):
    with committed.begin() as session:
        making.user(session)
        session.execute(text("UPDATE accounts SET balance = 1 WHERE kind = 'spendable'"))
    with capture_logs() as logs:
        check_ledger()
    [violation] = [line for line in logs if line["log_level"] == "error"]
    assert violation["invariant"] == "I2 cached balance equals its transfers"


def test_a_proved_ledger_is_no_news(committed):
    with committed.begin() as session:
        making.generation(session)
    with capture_logs() as logs:
        check_ledger()
    assert {line["log_level"] for line in logs} == {"info"}


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
