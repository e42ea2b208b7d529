from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import making, sets_albums as albums
from tests.statements import plan_of
from webapp.domain import jobs
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import SetsMask
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import garbage, sets_accounts, sets_masks, sets_photos, sets_sweeps
from webapp.domain.services.sets_choices import ConceptQuery
from webapp.domain.services.sets_masks import FoundMask


@pytest.fixture
def unit_of_work(session):
    @contextmanager
    def opened():
        yield session

    return opened


def aged(session, status, hours, **columns):
    """A job that stands in a status since so many hours."""
    job = albums.album(session, status=status, photo_status=PhotoStatus.AWAITED, **columns)
    then = jobs.NOW - timedelta(hours=hours)
    session.execute(update(SetsJob).where(SetsJob.id == job.id).values(updated_at=then))
    return job


def status_of(session, job):
    session.refresh(job)
    return job.status


def test_what_nobody_confirmed_or_executed_in_time_is_canceled(session, environment, unit_of_work):
    forgotten = [
        aged(session, SetsJobStatus.CREATED, 1.1),
        aged(session, SetsJobStatus.UPLOADED, 25),
    ]
    kept = [
        aged(session, SetsJobStatus.CREATED, 0.9),
        aged(session, SetsJobStatus.UPLOADED, 23),
        aged(session, SetsJobStatus.RUNNING, 99),
    ]
    assert sets_sweeps.sweep(unit_of_work) == sets_sweeps.Swept(canceled=2, purged=0, accounts=0)
    assert {status_of(session, job) for job in forgotten} == {SetsJobStatus.CANCELED}
    assert SetsJobStatus.CANCELED not in {status_of(session, job) for job in kept}
    assert [albums.credits_of(session, job) for job in forgotten] == [2, 2]
    assert making.violations(session) == []


def test_a_forgotten_job_leaves_no_work_behind(session, environment, unit_of_work):
    job = albums.album(session)
    photo = albums.photos_of(session, job)[0]
    sets_photos.segment(session, photo, [ConceptQuery("Wall", "wall")])
    session.execute(update(SetsJob).values(updated_at=jobs.NOW - timedelta(hours=25)))
    sets_sweeps.sweep(unit_of_work)
    assert [each.state for each in albums.work(session, JobKind.SEGMENTATION)] == ["canceled"]


def test_many_jobs_are_swept_in_pieces(session, environment, unit_of_work, monkeypatch):
    monkeypatch.setattr(sets_sweeps, "JOBS_AT_ONCE", 2)
    for _ in range(5):
        aged(session, SetsJobStatus.CREATED, 2, photos=1)
    assert sets_sweeps.sweep(unit_of_work).canceled == 5


def expire(session, *expired):
    session.execute(
        update(SetsJob)
        .where(SetsJob.id.in_([job.id for job in expired]))
        .values(expires_at=jobs.NOW - timedelta(minutes=1))
    )


def stored(storage):
    return {info.key for info in storage.list()}


def test_files_go_after_thirty_days_and_rows_stay(session, storage, unit_of_work):
    owner = albums.account(session)
    job = albums.finished(session, storage, owner)
    photo = albums.photos_of(session, job)[0]
    albums.instance(session, photo, storage)
    remembered = FoundMask("masks/cached.png", (0, 0, 1, 1), 1, 1.0)
    storage.put(remembered.mask_key, b"x", content_type="image/png")
    sets_masks.cache_masks(
        session, photo.sha256, "wall", [remembered], segmenter="classic", version="1"
    )
    expire(session, job)
    assert sets_sweeps.sweep(unit_of_work).purged == 1
    assert sets_sweeps.sweep(unit_of_work).purged == 0
    photo = albums.photos_of(session, job)[0]
    assert (photo.status, photo.is_purged, photo.result_key) == (PhotoStatus.DONE, True, None)
    session.refresh(job)
    assert job.purged_at is not None
    garbage.collect(storage, unit_of_work, older_than=timedelta(0))
    assert stored(storage) == set()
    assert session.scalars(select(SetsMask)).all() == []


def test_what_another_job_shares_stays_with_it(session, storage, unit_of_work):
    owner = albums.account(session, balance=20)
    job = albums.finished(session, storage, owner, photos=1)
    other = albums.finished(session, storage, owner, photos=1)
    mine, its = albums.photos_of(session, job)[0], albums.photos_of(session, other)[0]
    its.photo_key, its.sha256 = mine.photo_key, mine.sha256
    mask = albums.instance(session, mine, storage)
    albums.instance(session, its, mask_key=mask.mask_key)
    shared = {mine.photo_key, mask.mask_key, its.result_key}
    sets_masks.cache_masks(session, mine.sha256, "wall", [], segmenter="classic", version="1")
    expire(session, job)
    sets_sweeps.sweep(unit_of_work)
    garbage.collect(storage, unit_of_work, older_than=timedelta(0))
    assert stored(storage) == shared
    assert len(session.scalars(select(SetsMask)).all()) == 1


def test_a_job_that_goes_on_is_not_purged(session, environment, unit_of_work):
    job = albums.album(session, status=SetsJobStatus.RUNNING)
    expire(session, job)
    assert sets_sweeps.sweep(unit_of_work).purged == 0


def unused(session, days=32, **columns):
    """An account that was last used so many days ago."""
    return albums.account(session, seen_at=jobs.NOW - timedelta(days=days), **columns)


def saved_rule(session, owner):
    session.add(
        SetsRule(
            public_id=f"rule_{owner.id}",
            account_id=owner.id,
            preset_id="interior",
            name="Mine",
            concepts={},
        )
    )
    session.flush()


def test_an_unused_anonymous_account_loses_all_but_its_ledger(session, storage, unit_of_work):
    owner = unused(session)
    job = albums.finished(session, storage, owner, name="My flat")
    albums.instance(session, albums.photos_of(session, job)[0], storage, points=[{"x": 1}])
    saved_rule(session, owner)

    assert sets_sweeps.sweep(unit_of_work).accounts == 1
    assert sets_sweeps.sweep(unit_of_work).accounts == 0

    session.expire_all()
    assert (job.purged_at is None, job.name, job.concepts) == (False, "", {})
    assert {photo.filename for photo in session.scalars(select(SetsPhoto))} == {""}
    assert session.scalars(select(SetsRule)).all() == []
    assert (owner.token_version, owner.credits) == (1, 8)
    assert making.violations(session) == []
    garbage.collect(storage, unit_of_work, older_than=timedelta(0))
    assert stored(storage) == set()


def test_accounts_that_are_used_adopted_a_persons_or_at_work_are_kept(
    session, storage, unit_of_work
):
    person = making.user(session)
    own = unused(session, user=person)
    kept = [own, unused(session, days=30), unused(session, adopted_by_id=own.id), unused(session)]
    for owner in kept:
        saved_rule(session, owner)
    finished = albums.finished(session, storage, own)
    running = albums.album(session, of=kept[-1], status=SetsJobStatus.RUNNING)
    assert sets_sweeps.sweep(unit_of_work).accounts == 0
    assert len(session.scalars(select(SetsRule)).all()) == len(kept)
    assert {status_of(session, job) for job in (finished, running)} == {
        SetsJobStatus.DONE,
        SetsJobStatus.RUNNING,
    }
    assert finished.purged_at is None


def test_an_account_is_not_purged_while_a_request_holds_it(committed, storage):
    with committed.begin() as session:
        owner = unused(session)
    with committed.begin() as request, committed.begin() as session:
        sets_accounts.lock_active(request, owner.id)
        assert sets_sweeps.purge_unused_accounts(session, limit=5) == 0
    with committed.begin() as session:
        assert sets_sweeps.purge_unused_accounts(session, limit=5) == 1


def test_many_accounts_are_purged_in_pieces(session, environment, unit_of_work, monkeypatch):
    monkeypatch.setattr(sets_sweeps, "ACCOUNTS_AT_ONCE", 2)
    for _ in range(5):
        unused(session)
    assert sets_sweeps.sweep(unit_of_work).accounts == 5
    seen = session.scalars(select(SetsAccount.seen_at).distinct()).all()
    assert seen == [sets_sweeps.PURGED_SEEN_AT]


def test_the_sweeps_read_their_indexes(session, environment):
    waiting = plan_of(session, lambda: sets_sweeps.cancel_forgotten(session, limit=5))
    assert "ix_sets_jobs_waiting" in waiting
    expiring = plan_of(session, lambda: sets_sweeps.purge_expired(session, limit=5))
    assert "ix_sets_jobs_expiring" in expiring
    unseen = plan_of(session, lambda: sets_sweeps.purge_unused_accounts(session, limit=5))
    assert "ix_sets_accounts_seen" in unseen
    assert "ix_sets_jobs_active" in unseen
    assert "Seq Scan" not in unseen
