"""Jobs of Sets at once and at scale: limits hold, credits are exact, lists are found by indexes."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import making, sets_albums as albums
from tests.database import at_once
from tests.statements import plan_of, statements
from webapp.domain import jobs
from webapp.domain.errors import InvalidTransition
from webapp.domain.models.sets_account import SetsAccount, SetsCreditEntry
from webapp.domain.models.sets_instance import SetsInstance, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.queries import sets_instances as instance_queries, sets_jobs as queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.sets_instances import InstanceFilter
from webapp.domain.queries.sets_jobs import JobFilter
from webapp.domain.services import (
    sets_credits,
    sets_executions,
    sets_jobs,
    sets_photos,
)
from webapp.domain.services.sets_choices import ConceptQuery
from webapp.domain.services.sets_job_states import get_job_for_update
from webapp.domain.services.sets_uploads import DeclaredPhoto
from webapp.domain.sets_errors import ConcurrencyLimit, CreditsExhausted
from webapp.domain.sets_settings import RuleRequest
from webapp.editor import EngineEditor

WALL = {"Wall": {"action": "recolor", "value": "#336699"}}
EDITOR = EngineEditor()


def create(session, account, photos=1):
    return sets_jobs.create(
        session,
        account,
        preset_id="interior",
        photos=[DeclaredPhoto()] * photos,
        request_id="",
    )


def execute(session, account, job, **changes):
    given = {"rules": [RuleRequest(concepts=WALL, protect=())], "output_template": None}
    sets_executions.execute(
        session, EDITOR, account, job.public_id, **given | changes, request_id=""
    )


def kinds(results):
    return sorted(
        type(each).__name__ if isinstance(each, Exception) else "made" for each in results
    )


@pytest.mark.parametrize("balance, expected", [(60, 3), (4, 2)])
def test_twenty_creations_at_once_hold_the_limit_and_the_credits(committed, balance, expected):
    with committed.begin() as session:
        account = making.sets_account(
            session, balance=max(balance, 10), pro_until=jobs.NOW + timedelta(days=1)
        )
        if balance < 10:
            albums.album(session, of=account, photos=10 - balance, status=SetsJobStatus.DONE)
        account_id = account.id

    def attempt():
        with committed.begin() as session:
            create(session, session.get(SetsAccount, account_id), photos=2)

    results = at_once(*[attempt] * 20)
    refused = ConcurrencyLimit if expected == 3 else CreditsExhausted
    assert kinds(results) == sorted(["made"] * expected + [refused.__name__] * (20 - expected))
    with committed() as session:
        account = session.get(SetsAccount, account_id)
        entries = select(func.sum(SetsCreditEntry.amount)).where(
            SetsCreditEntry.account_id == account_id
        )
        assert account.credits == session.scalar(entries) == balance - 2 * expected


def test_a_job_is_executed_once_however_many_ask_at_once(committed):
    with committed.begin() as session:
        job = albums.album(session, photos=2)
        account_id = job.account_id

    def attempt():
        with committed.begin() as session:
            execute(session, session.get(SetsAccount, account_id), job)

    assert kinds(at_once(*[attempt] * 4)) == ["InvalidTransition"] * 3 + ["made"]


def test_cancel_and_execution_at_once_leave_every_credit_kept_or_returned(committed):
    with committed.begin() as session:
        job = albums.album(session, photos=3)
        account_id = job.account_id

    def run(call):
        def attempt():
            with committed.begin() as session:
                call(session, session.get(SetsAccount, account_id), job)

        return attempt

    def cancel(session, account, job):
        sets_jobs.cancel(session, account, job.public_id)

    at_once(run(execute), run(cancel), run(cancel), run(execute))
    with committed() as session:
        assert session.get(SetsJob, job.id).status == SetsJobStatus.CANCELED
        assert albums.credits_of(session, job) == 3
        assert {photo.status for photo in albums.photos_of(session, job)} == {PhotoStatus.CANCELED}


def of_three_proposals(session):
    """The three jobs of an execution with three rules, of two photos each, and their account."""
    account = making.sets_account(session, balance=20)
    job = albums.album(session, of=account, photos=2)
    execute(session, account, job, rules=[RuleRequest(concepts=WALL, protect=())] * 3)
    every = select(SetsJob).where(SetsJob.account_id == account.id).order_by(SetsJob.id)
    return account, list(session.scalars(every))


def deliver(session, job, idx):
    """Deliver a photo of a job."""
    albums.put_all(session, job, PhotoStatus.DONE, idx, result_key=f"results/{job.id}-{idx}.png")
    [edit] = albums.edits_of(session, albums.photos_of(session, job)[idx])
    assert sets_credits.deliver(session, edit.id)


def test_a_cancellation_also_ends_the_other_proposals_and_keeps_what_was_delivered(session):
    account, jobs_of_album = of_three_proposals(session)
    assert albums.credits_of(session, jobs_of_album[0]) == 14
    deliver(session, jobs_of_album[1], 0)
    sets_jobs.cancel(session, account, jobs_of_album[0].public_id)
    session.expire_all()
    assert {job.status for job in jobs_of_album} == {SetsJobStatus.CANCELED}
    assert albums.credits_of(session, jobs_of_album[0]) == 19
    assert [photo.status for photo in albums.photos_of(session, jobs_of_album[1])] == [
        PhotoStatus.DONE,
        PhotoStatus.CANCELED,
    ]
    assert making.violations(session) == []


def test_cancellations_of_an_album_and_of_each_proposal_at_once_return_each_credit_once(committed):
    with committed.begin() as session:
        account, jobs_of_album = of_three_proposals(session)
        account_id, ids = account.id, [job.public_id for job in jobs_of_album]

    def cancel(job_id):
        def attempt():
            with committed.begin() as session:
                sets_jobs.cancel(session, session.get(SetsAccount, account_id), job_id)

        return attempt

    results = at_once(*[cancel(job_id) for job_id in [*ids, *ids[::-1]]])
    assert set(kinds(results)) <= {"AlreadyCanceled", "made"}
    with committed() as session:
        assert albums.credits_of(session, jobs_of_album[0]) == 20
        assert making.violations(session) == []


def test_the_other_proposals_of_a_job_that_is_done_can_still_be_canceled(session):
    account, [job, finished, unfinished] = of_three_proposals(session)
    for each in (job, finished):
        deliver(session, each, 0)
        deliver(session, each, 1)
        session.execute(update(SetsJob).where(SetsJob.id == each.id).values(status="done"))
    sets_jobs.cancel(session, account, job.public_id)
    session.expire_all()
    assert (job.status, finished.status) == (SetsJobStatus.DONE, SetsJobStatus.DONE)
    assert unfinished.status == SetsJobStatus.CANCELED
    assert albums.credits_of(session, job) == 16
    assert making.violations(session) == []
    with pytest.raises(InvalidTransition):
        sets_jobs.cancel(session, account, job.public_id)


def test_one_proposal_can_be_canceled_alone(session):
    account, [job, chosen, other] = of_three_proposals(session)
    sets_jobs.cancel(session, account, chosen.public_id)
    session.expire_all()
    assert (job.status, other.status) == (SetsJobStatus.QUEUED, SetsJobStatus.QUEUED)
    assert albums.credits_of(session, job) == 16


def test_a_photo_that_was_tried_alone_leaves_a_number_for_the_others(session):
    account = making.sets_account(session, balance=20)
    job = albums.album(session, of=account, photos=2)
    execute(session, account, job)
    albums.put_all(session, job, PhotoStatus.RUNNING)
    for photo in albums.photos_of(session, job):
        sets_photos.end(session, photo, PhotoStatus.FAILED, failure_code="TIMEOUT")
    session.execute(SetsJob.__table__.update().values(status="running"))
    sets_photos.end_job_if_over(session, job.id)

    def retry(*items):
        sets_jobs.retry(session, account, job.public_id, items=items, request_id="")

    retry(0)
    albums.put_all(session, job, PhotoStatus.RUNNING, 0)
    first, second = albums.photos_of(session, job)
    sets_photos.end(session, first, PhotoStatus.FAILED, failure_code="TIMEOUT")
    sets_photos.end_job_if_over(session, job.id)
    retry(1)
    assert [edit.attempt for edit in albums.edits_of(session, first)] == [1, 2]
    assert [edit.attempt for edit in albums.edits_of(session, second)] == [1, 3]
    assert albums.credits_of(session, job) == 19


def test_variants_wait_until_every_photo_was_decoded(session):
    account = making.sets_account(session, balance=20)
    job = albums.album(session, of=account, photos=2)
    albums.put_all(session, job, PhotoStatus.CHECKING, 1)
    with pytest.raises(InvalidTransition) as refused:
        execute(session, account, job, rules=[RuleRequest(concepts=WALL)] * 2)
    assert refused.value.details["unchecked"] == [1]


def test_a_photo_that_could_not_be_decoded_is_not_in_a_variant(session):
    account = making.sets_account(session, balance=20)
    job = albums.album(session, of=account, photos=2)
    albums.put_all(session, job, PhotoStatus.CHECKING, 1)
    sets_photos.end(
        session, albums.photos_of(session, job)[1], PhotoStatus.FAILED, failure_code="X"
    )
    execute(session, account, job, rules=[RuleRequest(concepts=WALL, protect=())] * 2)
    variant = session.scalars(select(SetsJob).where(SetsJob.parent_id == job.id)).one()
    assert (variant.item_count, variant.status) == (1, SetsJobStatus.QUEUED)
    assert [photo.idx for photo in albums.photos_of(session, variant)] == [0]


def test_what_was_searched_and_not_found_is_not_searched_again_in_a_copy(session):
    account = making.sets_account(session, balance=20, pro_until=jobs.NOW + timedelta(days=1))
    job = albums.album(session, of=account, photos=1)
    [photo] = albums.photos_of(session, job)
    wanted = ConceptQuery("Wall", "painted or papered wall", is_many=False)
    sets_photos.segment(session, photo, [wanted])
    session.execute(SetsSegmentation.__table__.update().values(status="ready"))
    copy = sets_jobs.reuse(session, account, source_job_id=job.public_id, items=None, request_id="")
    before = session.scalar(select(func.count()).select_from(SetsSegmentation))
    execute(session, account, copy)
    assert session.scalar(select(func.count()).select_from(SetsSegmentation)) == before
    [copied] = albums.photos_of(session, copy)
    assert copied.status == PhotoStatus.QUEUED


@pytest.fixture
def busy(session, storage):
    """An account with a job in every state, photos, runs and instances."""
    account = making.sets_account(session, balance=60)
    for status in SetsJobStatus:
        job = albums.album(session, of=account, status=status)
        for photo in albums.photos_of(session, job):
            albums.instance(session, photo)
            session.add(SetsSegmentation(photo_id=photo.id, concepts=[], status="ready"))
    session.flush()
    return account, job


def test_every_list_and_lock_is_found_by_an_index(session, storage, busy):
    account, job = busy
    account_id, job_id = account.id, job.public_id
    page = PageRequest()

    def look():
        queries.own_jobs(session, account_id=account_id, filters=JobFilter(), page=page)
        queries.detail(session, storage, account_id=account_id, job_id=job_id)
        queries.stamp(session, job_id)
        instance_queries.of_job(
            session,
            storage,
            account_id=account_id,
            job_id=job_id,
            filters=InstanceFilter(concept="Wall"),
            page=page,
        )
        get_job_for_update(session, account_id, job_id)
        session.scalars(
            select(SetsInstance)
            .join(SetsPhoto, SetsPhoto.id == SetsInstance.photo_id)
            .where(SetsInstance.public_id.in_(["a", "b"]), SetsPhoto.job_id == job.id)
        ).all()

    plan = plan_of(session, look)
    assert "Seq Scan" not in plan, plan
    assert "ix_sets_jobs_account" in plan


def test_a_list_of_jobs_costs_the_same_however_many_there_are(session, busy):
    account, _ = busy
    with statements(session) as few:
        queries.own_jobs(
            session, account_id=account.id, filters=JobFilter(), page=PageRequest(limit=2)
        )
    with statements(session) as many:
        queries.own_jobs(session, account_id=account.id, filters=JobFilter(), page=PageRequest())
    assert len(few) == len(many) <= 4


def test_the_stamp_of_a_job_changes_with_photos_runs_and_instances(session, busy):
    _, job = busy
    [photo, _] = albums.photos_of(session, job)
    seen = [queries.stamp(session, job.public_id)]

    def changed(statement):
        session.execute(statement)
        seen.append(queries.stamp(session, job.public_id))
        return seen[-1] != seen[-2]

    of_photo = SetsInstance.__table__.c.photo_id == photo.id
    assert changed(SetsPhoto.__table__.update().values(updated_at=jobs.NOW))
    assert changed(SetsSegmentation.__table__.update().values(status="failed"))
    assert changed(SetsInstance.__table__.update().values(updated_at=jobs.NOW))
    assert changed(SetsInstance.__table__.delete().where(of_photo))
    assert changed(SetsJob.__table__.update().values(updated_at=jobs.NOW))
    assert not changed(select(SetsJob.id))
