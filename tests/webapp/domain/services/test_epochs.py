"""After a restore: numbers of before are not given again, workers of before are not believed."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from celery_config import TaskName
from tests import making
from webapp.domain import jobs
from webapp.domain.api_key_errors import ApiKeyExpired
from webapp.domain.db import Base
from webapp.domain.models.account import SignIn
from webapp.domain.models.epoch import Epoch
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.services import api_keys, epochs, styles, worker_protocol
from webapp.domain.services.epochs import IDS_PER_SECOND, EpochTooEarly

NOW = func.clock_timestamp()


def claimed(session, image):
    return jobs.claim(session, making.job_of(session, image).id, TaskName.RENDER_IMAGES, 60)


def fail(session, image, **caller):
    caller = {"attempt": None, "fence": None} | caller
    return worker_protocol.failed(
        session, JobKind.GENERATION, image.id, cause="INTERNAL_ERROR", message="", **caller
    )


def test_numbers_go_on_where_they_never_were(scratch):
    with scratch.begin() as session:
        before = making.generation(session)
        lease = claimed(session, before)
        waiting = making.generation(session)
    with scratch.begin() as session:
        begun = epochs.begin(session)
    assert begun.leases == 1
    assert begun.first_id == begun.first_fence * IDS_PER_SECOND
    with scratch.begin() as session:
        assert making.generation(session).id >= begun.first_id
        for image in (before, waiting):
            job = making.job_of(session, image)
            assert (job.state, job.fence) == (JobState.QUEUED, begun.first_fence)
            assert job.crashes == 0
        assert claimed(session, before).fence > begun.first_fence > lease.fence


def test_every_sequence_is_raised_and_every_column_can_hold_its_numbers(scratch):
    with scratch.begin() as session:
        begun = epochs.begin(session)
        names = session.scalars(text("SELECT sequencename FROM pg_sequences")).all()
        assert len(names) > 20
        nexts = {name: session.scalar(text(f"SELECT nextval('{name}')")) for name in names}
    assert all(value >= begun.first_id for value in nexts.values())
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            assert str(key.parent.type) == str(key.column.type), key


def test_a_worker_of_before_is_not_believed(scratch):
    with scratch.begin() as session:
        image = making.generation(session)
        old = claimed(session, image)
    with scratch.begin() as session:
        epochs.begin(session)
    with scratch.begin() as session:
        new = claimed(session, image)
        # What the old worker may have been given after the dump, too.
        for fence in range(old.fence, old.fence + 5):
            answer = fail(session, image, fence=fence)
            assert (answer.applied, answer.reason) == (False, "stale_attempt")
        assert fail(session, image, attempt=new.attempt).reason == "stale_attempt"
        assert fail(session, image, fence=new.fence).applied


def test_without_an_epoch_a_worker_of_before_would_be_believed(scratch):
    with scratch.begin() as session:
        image = making.generation(session)
        first = claimed(session, image)
        dump = session.begin_nested()
        jobs.release(session, first)
        lost = claimed(session, image)
        dump.rollback()
        jobs.release(session, first)
        assert claimed(session, image).fence == lost.fence
        assert fail(session, image, fence=lost.fence).applied


def test_an_attempt_is_enough_for_what_was_ordered_after_the_restore(scratch):
    with scratch.begin() as session:
        epochs.begin(session)
        image = making.generation(session)
        lease = claimed(session, image)
        assert fail(session, image, attempt=lease.attempt).applied


def test_the_first_training_of_an_old_style_does_not_begin_at_old_fences(scratch, storage):
    """Workers report trainings by style; one of before may have run this style after the dump."""
    with scratch.begin() as session:
        run = making.training(session, storage)
        session.execute(text("DELETE FROM jobs"))
    with scratch.begin() as session:
        begun = epochs.begin(session)
        styles._start(session, session.merge(run), "")
        job = making.job_of(session, run)
        assert job.fence == begun.first_fence


def test_who_signed_out_after_the_dump_stays_out(scratch):
    with scratch.begin() as session:
        user = making.user(session)
        session.add(SignIn(id="a", user_id=user.id, expires_at=NOW + timedelta(days=1)))
    with scratch.begin() as session:
        assert epochs.begin(session).sign_ins == 1
    with scratch() as session:
        assert session.scalar(select(SignIn.ended_at)) is not None


def test_a_key_that_was_revoked_after_the_dump_is_not_valid_again(scratch):
    with scratch.begin() as session:
        user = making.user(session)
        secrets = [
            api_keys.create(session, user=user, name="Old", expires_in_days=days).secret
            for days in (None, 30)
        ]
    with scratch.begin() as session:
        assert epochs.begin(session).api_keys == 2
    with scratch() as session:
        for secret in secrets:
            with pytest.raises(ApiKeyExpired):
                api_keys.authenticate(session, secret)


def test_the_same_dump_restored_twice_gives_other_numbers(scratch):
    with scratch.begin() as session:
        first = epochs.begin(session)
        image = making.generation(session)
        lease = claimed(session, image)
    with scratch.begin() as session:
        # As in the dump, which knows nothing of the first restore.
        session.execute(text("DELETE FROM epochs"))
        session.execute(text("SELECT pg_sleep(2.1)"))
    with scratch.begin() as session:
        second = epochs.begin(session)
    assert second.first_fence > first.first_fence
    assert second.first_id > image.id
    assert second.first_fence >= lease.fence


def test_a_clock_that_is_behind_is_an_error(scratch, monkeypatch):
    with scratch.begin() as session:
        making.generation(session)
    monkeypatch.setattr(epochs, "ORIGIN", epochs.ORIGIN + timedelta(days=10_000))
    with scratch.begin() as session, pytest.raises(EpochTooEarly, match="clock"):
        epochs.begin(session)


def test_an_epoch_begins_by_itself_only_where_the_database_has_moved(scratch):
    with scratch.begin() as session:
        assert epochs.begin_if_moved(session) is None, "the first place is only recorded"
        assert epochs.begin_if_moved(session) is None
        assert making.generation(session).id < IDS_PER_SECOND
        session.execute(update(Epoch).values(place="1/00000001/5"))
    with scratch.begin() as session:
        begun = epochs.begin_if_moved(session)
        assert begun is not None
        assert epochs.begin_if_moved(session) is None
        assert making.generation(session).id >= begun.first_id
