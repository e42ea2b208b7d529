from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from celery_config import TaskName
from tests import making
from tests.database import at_once
from webapp.domain import due_jobs, jobs
from webapp.domain.models.job import Job, JobKind, JobState

RENDER = TaskName.RENDER_IMAGES
NOW = func.clock_timestamp()


@pytest.fixture
def job(session):
    return making.job_of(session, making.generation(session))


def stand(session, job):
    return session.scalars(
        select(Job).where(Job.id == job.id).execution_options(populate_existing=True)
    ).one()


def seconds_from_now(session, moment):
    return (moment - session.scalar(select(NOW))).total_seconds()


def test_a_job_lives_and_dies_with_the_transaction_that_made_it(committed):
    with committed() as session:
        making.generation(session)
        session.rollback()
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_claim_raises_the_fence_and_leases_the_job(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)

    now = stand(session, job)
    assert (lease.fence, now.fence, now.state) == (1, 1, JobState.RUNNING)
    assert 50 < seconds_from_now(session, now.lease_until) <= 60


def test_a_second_claim_finds_nothing(session, job):
    assert jobs.claim(session, job.id, RENDER, 60)
    assert jobs.claim(session, job.id, RENDER, 60) is None


def test_a_message_for_another_step_is_stale(session, job):
    assert jobs.claim(session, job.id, TaskName.STAMP_SIGNATURE, 60) is None


def test_a_job_whose_time_has_not_come_cannot_be_claimed(session, job):
    making.change_job(session, job.id, run_at=NOW + timedelta(seconds=30))

    assert jobs.claim(session, job.id, RENDER, 60) is None
    assert jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=4) == []


def test_a_stale_fence_changes_nothing(session, job):
    old = jobs.claim(session, job.id, RENDER, 60)
    assert jobs.release(session, old)
    new = jobs.claim(session, job.id, RENDER, 60)
    before = vars(stand(session, job)).copy()

    assert jobs.renew(session, old.job_id, old.fence, 600) is None
    assert not jobs.queue_next_step(session, old, raw_key="raw/late.png")
    assert not jobs.release(session, old)
    assert not jobs.retry(session, old, 0, "TIMEOUT", "late")
    assert not jobs.finish(session, old.job_id, old.fence, JobState.DONE)

    after = vars(stand(session, job)).copy()
    before.pop("_sa_instance_state")
    after.pop("_sa_instance_state")
    assert after == before
    assert jobs.finish(session, new.job_id, new.fence, JobState.DONE)


def test_of_many_claimers_of_one_job_one_wins(committed):
    with committed.begin() as session:
        job_id = making.job_of(session, making.generation(session)).id

    def claim():
        with committed.begin() as mine:
            return jobs.claim(mine, job_id, RENDER, 60)

    leases = at_once(*[claim] * 12)

    assert sum(lease is not None for lease in leases) == 1
    assert all(not isinstance(lease, Exception) for lease in leases)


def test_parallel_batches_never_share_a_job(committed):
    with committed.begin() as session:
        making.order(session, making.user(session, tokens=400), making.style(session), count=20)

    def claim():
        with committed.begin() as mine:
            return jobs.claim_batch(mine, JobKind.GENERATION, lease_seconds=60, limit=8)

    batches = at_once(*[claim] * 6)

    ids = [lease.job_id for batch in batches for lease in batch]
    assert len(ids) == len(set(ids))


def test_a_batch_is_the_oldest_jobs_of_one_batch_key(session):
    style, buyer = making.style(session), making.user(session, tokens=1000)
    squares = making.order(session, buyer, style, count=3)
    portraits = making.order(
        session, buyer, style, count=2, aspect_ratio=making.AspectRatio.PORTRAIT
    )
    more = making.order(session, buyer, making.style(session), count=2)

    first = jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=4)
    second = jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=4)

    assert [lease.ref for lease in first] == [row.id for row in [*squares, more[0]]]
    assert [lease.ref for lease in second] == [row.id for row in portraits]


def test_a_worker_of_one_base_model_is_given_no_job_of_another(session):
    buyer = making.user(session, tokens=1000)
    making.order(session, buyer, making.style(session, base_model="sdxl"))
    [mine] = making.order(session, buyer, making.style(session, base_model="sd"))
    foreign = making.job_of(session, making.order(session, buyer, making.style(session))[0]).id

    def claim(**wish):
        return jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=4, **wish)

    assert claim(base_model="sd", job_id=foreign) == []
    assert [lease.ref for lease in claim(base_model="sd")] == [mine.id]
    assert claim(base_model="s%") == []


def test_a_batch_that_is_not_full_is_filled_with_what_may_share_it(session):
    buyer = making.user(session, tokens=1000)
    [leader] = making.order(session, buyer, making.style(session))
    wide = making.AspectRatio.PORTRAIT

    def claim(**wish):
        return jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=4, **wish)

    [lease] = claim()
    making.order(session, buyer, making.style(session), aspect_ratio=wide)
    [mate] = making.order(session, buyer, making.style(session))

    assert lease.ref == leader.id
    assert [each.ref for each in claim(batch_of=lease.job_id)] == [mate.id]
    assert claim(batch_of=lease.job_id) == []
    assert claim(batch_of=10**9) == []


def test_a_batch_contains_the_job_the_message_named(session):
    style, buyer = making.style(session), making.user(session, tokens=1000)
    rows = making.order(session, buyer, style, count=6)
    named = making.job_of(session, rows[4]).id

    batch = jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=3, job_id=named)

    assert [lease.ref for lease in batch] == [rows[0].id, rows[1].id, rows[4].id]


def test_a_batch_skips_rows_that_another_transaction_is_taking(committed):
    with committed.begin() as session:
        rows = making.order(
            session, making.user(session, tokens=200), making.style(session), count=4
        )
        ids = [making.job_of(session, row).id for row in rows]
    with committed() as other, committed() as mine:
        other.execute(select(Job).where(Job.id == ids[0]).with_for_update())

        batch = jobs.claim_batch(mine, JobKind.GENERATION, lease_seconds=60, limit=4)

        assert [lease.job_id for lease in batch] == ids[1:]
        mine.rollback()
        other.rollback()


def test_handing_on_queues_the_following_step_with_what_was_left_for_it(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert jobs.queue_next_step(session, lease, raw_key="raw/1.png")
    stamping = jobs.claim(session, job.id, TaskName.STAMP_SIGNATURE, 60)
    assert jobs.queue_next_step(session, stamping, image={"key": "images/1.png"})

    now = stand(session, job)
    assert (now.state, now.step, now.fence) == (JobState.QUEUED, "deliver_generation", 2)
    assert now.handover == {"raw_key": "raw/1.png", "image": {"key": "images/1.png"}}
    assert now.lease_until is None


def test_a_retry_uses_up_an_attempt_and_waits(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert jobs.retry(session, lease, 30, "GPU_OOM", "no memory")

    now = stand(session, job)
    assert (now.state, now.tries, now.crashes, now.failure_cause) == ("queued", 1, 0, "GPU_OOM")
    assert 25 < seconds_from_now(session, now.run_at) <= 30


def test_a_release_uses_up_no_attempt(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert jobs.release(session, lease)

    now = stand(session, job)
    assert (now.state, now.tries, now.crashes, now.step) == ("queued", 0, 0, RENDER)


def test_an_ended_job_stays_ended(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert jobs.finish(session, lease.job_id, lease.fence, JobState.FAILED)

    assert not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE)
    assert not jobs.make_due(session, job.id)
    assert not jobs.cancel_waiting(session, JobKind.GENERATION, job.ref)
    assert jobs.claim(session, job.id, RENDER, 60) is None
    assert stand(session, job).state == JobState.FAILED


def test_a_waiting_job_is_canceled_at_once(session, job):
    assert jobs.cancel_waiting(session, JobKind.GENERATION, job.ref)
    assert stand(session, job).state == JobState.CANCELED


def test_a_running_job_is_only_flagged_and_its_worker_is_told(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert jobs.renew(session, job.id, lease.fence, 60) is False

    assert not jobs.cancel_waiting(session, JobKind.GENERATION, job.ref)

    assert jobs.renew(session, job.id, lease.fence, 60) is True


def test_a_job_flagged_for_cancel_is_never_claimed_in_a_batch(session, job):
    making.change_job(session, job.id, cancel_requested=True)
    assert jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=60, limit=4) == []


def test_renewing_moves_the_end_of_the_lease(session, job):
    lease = jobs.claim(session, job.id, RENDER, 5)
    jobs.renew(session, job.id, lease.fence, 600)
    assert seconds_from_now(session, stand(session, job).lease_until) > 500


def test_a_generation_has_half_an_hour_and_a_training_six_hours(session):
    generation = making.job_of(session, making.generation(session))
    training = making.job_of(session, making.training(session))

    assert 1700 < seconds_from_now(session, generation.deadline_at) <= 1800
    assert 21_500 < seconds_from_now(session, training.deadline_at) <= 21_600


def test_times_are_the_databases_even_within_one_transaction(session, job):
    """`now()` stands still in a transaction; a lease must not."""
    jobs.claim(session, job.id, RENDER, 0)
    session.execute(text("SELECT pg_sleep(0.01)"))
    assert due_jobs.requeue_expired(session) == 1


def test_a_row_has_one_job(session, job):
    with pytest.raises(Exception, match="uq_jobs_kind_ref"):
        jobs.enqueue(session, JobKind.GENERATION, job.ref)


def test_a_commit_wakes_who_listens(committed):
    with committed() as listener:
        listener.execute(text(f"LISTEN {jobs.NOTIFY_CHANNEL}"))
        listener.commit()
        with committed.begin() as session:
            making.generation(session)
        listener.execute(text("SELECT 1"))
        raw = listener.connection().connection.dbapi_connection
        raw.poll()
        assert [notice.channel for notice in raw.notifies] == ["jobs"]


def test_the_fence_never_falls(session, job):
    fences = []
    for _ in range(4):
        lease = jobs.claim(session, job.id, RENDER, 60)
        fences.append(lease.fence)
        jobs.release(session, lease)
    assert fences == sorted(set(fences))
    session.execute(update(Job).where(Job.id == job.id).values(tries=2))
    assert jobs.claim(session, job.id, RENDER, 60).attempt == 3
