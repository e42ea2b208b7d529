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


def test_due_jobs_are_marked_once_and_again_when_nobody_heard(session, job):
    assert due_jobs.mark_due(session, repeat_seconds=30) == [
        due_jobs.Bell(job.id, RENDER, "request-1")
    ]
    assert due_jobs.mark_due(session, repeat_seconds=30) == []

    making.change_job(session, job.id, rung_at=NOW - timedelta(seconds=29))
    assert due_jobs.mark_due(session, repeat_seconds=30) == []
    making.change_job(session, job.id, rung_at=NOW - timedelta(seconds=31))
    assert due_jobs.mark_due(session, repeat_seconds=30) == [
        due_jobs.Bell(job.id, RENDER, "request-1")
    ]


@pytest.mark.parametrize("waited, rings", [(59, False), (61, True)])
def test_the_wait_between_unheard_bells_doubles(session, job, waited, rings):
    rung = NOW - timedelta(seconds=waited)
    making.change_job(session, job.id, run_at=rung - timedelta(seconds=60), rung_at=rung)
    assert bool(due_jobs.mark_due(session, repeat_seconds=30)) is rings


def test_bells_never_rung_come_before_all_repeated_ones(session, job):
    fresh = making.job_of(session, making.generation(session))
    long_ago = NOW - timedelta(hours=1)
    making.change_job(session, job.id, run_at=long_ago, rung_at=long_ago)
    assert [bell.job_id for bell in due_jobs.mark_due(session, repeat_seconds=30, limit=1)] == [
        fresh.id
    ]


def test_unmarked_jobs_ring_again_at_once(session, job):
    bells = due_jobs.mark_due(session, repeat_seconds=30)
    due_jobs.unmark(session, bells)
    assert due_jobs.mark_due(session, repeat_seconds=30) == bells


def test_neither_waiting_nor_running_jobs_ring_before_their_time(session, job):
    making.change_job(session, job.id, run_at=NOW + timedelta(seconds=5))
    assert due_jobs.mark_due(session, repeat_seconds=30) == []

    making.change_job(session, job.id, run_at=NOW)
    jobs.claim(session, job.id, RENDER, 60)
    assert due_jobs.mark_due(session, repeat_seconds=30) == []


def test_a_hurried_job_rings_now(session, job):
    making.change_job(session, job.id, run_at=NOW + timedelta(seconds=120))
    assert jobs.hurry(session, job.id)
    assert [bell.job_id for bell in due_jobs.mark_due(session, repeat_seconds=30)] == [job.id]


def test_two_relays_never_mark_the_same_job(committed):
    with committed.begin() as session:
        making.order(session, making.user(session, tokens=300), making.style(session), count=10)

    def mark():
        with committed.begin() as mine:
            return due_jobs.mark_due(mine, repeat_seconds=30)

    bells = [bell for found in at_once(*[mark] * 5) for bell in found]

    assert len(bells) == len(set(bells)) == 10


def test_an_expired_lease_is_taken_back_with_a_higher_fence(session, job):
    lease = jobs.claim(session, job.id, RENDER, 60)
    assert due_jobs.take_back_expired(session) == 0
    making.change_job(session, job.id, lease_until=NOW - timedelta(seconds=1))

    assert due_jobs.take_back_expired(session) == 1

    now = stand(session, job)
    assert (now.state, now.fence, now.crashes, now.tries) == ("queued", lease.fence + 1, 1, 0)
    assert jobs.renew(session, job.id, lease.fence, 60) is None


def test_the_fourth_lost_worker_sends_the_job_to_its_refund(session, job):
    for crash in range(1, 5):
        assert jobs.claim(session, job.id, RENDER, 60), crash
        making.change_job(session, job.id, lease_until=NOW - timedelta(seconds=1))
        due_jobs.take_back_expired(session)

    now = stand(session, job)
    assert (now.crashes, now.step, now.state) == (4, TaskName.REFUND, JobState.QUEUED)
    assert now.failure_cause == "WORKER_LOST"
    assert due_jobs.mark_due(session, repeat_seconds=30) == [
        due_jobs.Bell(job.id, TaskName.REFUND, "request-1")
    ]


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
        assert not jobs.hand_on(session, lease)
