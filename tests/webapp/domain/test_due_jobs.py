from datetime import timedelta

import pytest
from sqlalchemy import func, select

from celery_config import TaskName
from tests import making
from tests.database import at_once
from webapp.domain import due_jobs, jobs
from webapp.domain.models.job import Job, JobState

RENDER = TaskName.RENDER_IMAGES
NOW = func.clock_timestamp()


@pytest.fixture
def job(session):
    return making.job_of(session, making.generation(session))


def stand(session, job):
    return session.scalars(
        select(Job).where(Job.id == job.id).execution_options(populate_existing=True)
    ).one()


def test_due_jobs_are_marked_once_and_again_when_nobody_claimed_them(session, job):
    assert due_jobs.mark_due(session, repeat_seconds=30) == [
        due_jobs.DueJob(job.id, RENDER, "request-1")
    ]
    assert due_jobs.mark_due(session, repeat_seconds=30) == []

    making.change_job(session, job.id, published_at=NOW - timedelta(seconds=20))
    assert due_jobs.mark_due(session, repeat_seconds=30) == []
    making.change_job(session, job.id, published_at=NOW - timedelta(seconds=31))
    assert due_jobs.mark_due(session, repeat_seconds=30) == [
        due_jobs.DueJob(job.id, RENDER, "request-1")
    ]


@pytest.mark.parametrize("waited, is_due", [(31, False), (61, True)])
def test_the_backoff_of_unclaimed_jobs_doubles(session, job, waited, is_due):
    published = NOW - timedelta(seconds=waited)
    making.change_job(
        session, job.id, run_at=published - timedelta(seconds=60), published_at=published
    )
    assert bool(due_jobs.mark_due(session, repeat_seconds=30)) is is_due


def test_jobs_never_published_come_before_all_others(session, job):
    fresh = making.job_of(session, making.generation(session))
    long_ago = NOW - timedelta(hours=1)
    making.change_job(session, job.id, run_at=long_ago, published_at=long_ago)
    assert [due.job_id for due in due_jobs.mark_due(session, repeat_seconds=30, limit=1)] == [
        fresh.id
    ]


def test_a_task_of_newer_code_is_left_to_a_newer_relay(session, job):
    newer = making.job_of(session, making.generation(session))
    making.change_job(session, newer.id, step="draw_in_the_air")
    assert [due.job_id for due in due_jobs.mark_due(session, repeat_seconds=30)] == [job.id]
    assert stand(session, newer).published_at is None


def test_unmarked_jobs_are_due_again_at_once(session, job):
    marked = due_jobs.mark_due(session, repeat_seconds=30)
    due_jobs.unmark(session, marked)
    assert due_jobs.mark_due(session, repeat_seconds=30) == marked


def test_neither_delayed_nor_running_jobs_are_due(session, job):
    making.change_job(session, job.id, run_at=NOW + timedelta(seconds=5))
    assert due_jobs.mark_due(session, repeat_seconds=30) == []

    making.change_job(session, job.id, run_at=NOW)
    jobs.claim(session, job.id, RENDER, 60)
    assert due_jobs.mark_due(session, repeat_seconds=30) == []


def test_make_due_ends_the_delay_of_a_job(session, job):
    making.change_job(session, job.id, run_at=NOW + timedelta(seconds=120))
    assert jobs.make_due(session, job.id)
    assert [due.job_id for due in due_jobs.mark_due(session, repeat_seconds=30)] == [job.id]


def test_two_relays_never_mark_the_same_job(committed):
    with committed.begin() as session:
        making.order(session, making.user(session, tokens=300), making.style(session), count=10)

    def mark():
        with committed.begin() as mine:
            return due_jobs.mark_due(mine, repeat_seconds=30)

    marked = [due for batch in at_once(*[mark] * 5) for due in batch]

    assert len(marked) == len(set(marked)) == 10


def test_an_expired_lease_is_requeued_with_a_higher_fence(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert due_jobs.requeue_expired(session) == 0
    making.change_job(session, job.id, lease_until=NOW - timedelta(seconds=1))

    assert due_jobs.requeue_expired(session) == 1

    now = stand(session, job)
    assert (now.state, now.fence, now.crashes, now.tries) == ("queued", lease.fence + 1, 1, 0)
    assert jobs.renew(session, job.id, lease.fence, 60) is None


def test_the_fourth_lost_worker_sends_the_job_to_its_refund(session, job):
    for crash in range(1, 5):
        assert jobs.claim(session, job.id, RENDER, 60), crash
        making.change_job(session, job.id, lease_until=NOW - timedelta(seconds=1))
        due_jobs.requeue_expired(session)

    now = stand(session, job)
    assert (now.crashes, now.step, now.state) == (4, TaskName.REFUND, JobState.QUEUED)
    assert now.failure_cause == "WORKER_LOST"
    assert due_jobs.mark_due(session, repeat_seconds=30) == [
        due_jobs.DueJob(job.id, TaskName.REFUND, "request-1")
    ]


def test_a_job_that_was_lost_while_it_ended_keeps_its_cause(session, job):
    lost = {"state": JobState.RUNNING, "lease_until": NOW - timedelta(seconds=1), "crashes": 5}
    making.change_job(session, job.id, step=TaskName.REFUND, failure_cause="TIMEOUT", **lost)

    assert due_jobs.requeue_expired(session) == 1

    now = stand(session, job)
    assert (now.crashes, now.step, now.failure_cause) == (6, TaskName.REFUND, "TIMEOUT")


def test_jobs_past_their_deadline_are_ended_in_pieces_the_oldest_first(session, job):
    newer = making.job_of(session, making.generation(session))
    for late, seconds in ((job, 9), (newer, 5)):
        making.change_job(session, late.id, deadline_at=NOW - timedelta(seconds=seconds))
    ended = []
    while due_jobs.end_overdue(session, limit=1):
        ended.append({stand(session, each).step for each in (job, newer)})
    assert ended == [{TaskName.REFUND, TaskName.RENDER_IMAGES}, {TaskName.REFUND}]


@pytest.mark.parametrize("is_running", [False, True])
def test_a_job_past_its_deadline_goes_to_its_refund_and_its_worker_is_shut_out(
    session, job, is_running
):
    lease = jobs.claim(session, job.id, RENDER, 600) if is_running else None
    assert due_jobs.end_overdue(session) == 0
    making.change_job(session, job.id, deadline_at=NOW - timedelta(seconds=1))

    assert due_jobs.end_overdue(session) == 1
    assert due_jobs.end_overdue(session) == 0

    now = stand(session, job)
    assert (now.step, now.state, now.failure_cause) == ("refund", "queued", "TIMEOUT")
    if lease:
        assert not jobs.queue_next_step(session, lease)
