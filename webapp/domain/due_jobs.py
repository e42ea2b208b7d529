"""The job table for the relay: due jobs, expired leases, overdue jobs.

Each function is one conditional UPDATE that skips locked rows; `jobs` has those of the workers.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, case, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.jobs import MAX_CRASHES, NOW
from webapp.domain.models.job import Job, JobState
from webapp.domain.pieces import is_among

# clock_timestamp() is volatile, so no index can be used; statement_timestamp() is stable.
JUST_NOW = func.statement_timestamp()
# As in the index ix_jobs_publication; jobs that were never published come first.
PUBLISHED_AT = func.coalesce(Job.published_at, literal_column("'-infinity'::timestamptz"))
AT_ONCE = 200  # of each kind in one loop of the relay; the next loop takes the rest


@dataclass(frozen=True)
class DueJob:
    """One message to publish: the step, the job and the id of the request that created it."""

    job_id: int
    step: TaskName
    request_id: str = ""


def mark_due(session: Session, *, repeat_seconds: int, limit: int = AT_ONCE) -> list[DueJob]:
    """Mark due jobs as published and return them; unclaimed ones are published again.

    The backoff doubles with each publication, up to four times `repeat_seconds`: in a long queue
    most messages are not lost but wait, and copies of them would delay the new ones.
    """
    repeat = timedelta(seconds=repeat_seconds)
    backoff = func.least(func.greatest(repeat, Job.published_at - Job.run_at), 4 * repeat)
    due = (
        select(Job.id)
        .where(
            Job.state == JobState.QUEUED,
            # During a deploy newer code may queue what this code does not know.
            Job.step.in_([task.value for task in TaskName]),
            Job.run_at <= JUST_NOW,
            # The shortest backoff, for the index; then that of the job.
            JUST_NOW - repeat > PUBLISHED_AT,
            or_(Job.published_at.is_(None), Job.published_at < JUST_NOW - backoff),
        )
        # First what was never published, so that a long queue does not delay the other queues.
        .order_by(PUBLISHED_AT, Job.run_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(Job)
        .where(is_among(Job.id, due))
        .values(published_at=NOW)
        .returning(Job.id, Job.step, Job.request_id)
    )
    due_jobs = (DueJob(row.id, TaskName(row.step), row.request_id) for row in rows)
    return sorted(due_jobs, key=lambda job: job.job_id)


def unmark(session: Session, due_jobs: list[DueJob]) -> None:
    """Remove the marks after a failed publish, so that the next loop publishes again."""
    session.execute(
        update(Job)
        .where(Job.id.in_([job.job_id for job in due_jobs]), Job.state == JobState.QUEUED)
        .values(published_at=None)
    )


def requeue_expired(session: Session, limit: int = AT_ONCE) -> int:
    """Queue again every job whose lease expired; raise its fence and count the crash.

    After more than MAX_CRASHES the job goes to the step `refund`, which ends it. Returns the count.
    """
    expired = (
        select(Job.id)
        .where(Job.state == JobState.RUNNING, Job.lease_until < JUST_NOW)
        .order_by(Job.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    is_lost = and_(Job.crashes >= MAX_CRASHES, Job.step != TaskName.REFUND)
    lost = {
        Job.step: TaskName.REFUND.value,
        Job.failure_cause: "WORKER_LOST",
        Job.failure_message: "The workers of this job were lost too often.",
    }
    rows = session.execute(
        update(Job)
        .where(is_among(Job.id, expired))
        .values(
            {column: case((is_lost, value), else_=column) for column, value in lost.items()}
            | {
                Job.state: JobState.QUEUED,
                Job.fence: Job.fence + 1,
                Job.crashes: Job.crashes + 1,
                Job.run_at: NOW,
                Job.published_at: None,
                Job.lease_until: None,
            }
        )
        .returning(Job.id)
    )
    return len(rows.all())


def end_overdue(session: Session, limit: int = AT_ONCE) -> int:
    """Send unfinished jobs past their deadline to the step `refund`; return how many."""
    overdue = (
        select(Job.id)
        .where(
            Job.state.in_([JobState.QUEUED, JobState.RUNNING]),
            Job.deadline_at < JUST_NOW,
            Job.step != TaskName.REFUND,
        )
        .order_by(Job.deadline_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(Job)
        .where(is_among(Job.id, overdue))
        .values(
            step=TaskName.REFUND,
            state=JobState.QUEUED,
            fence=Job.fence + 1,
            run_at=NOW,
            published_at=None,
            lease_until=None,
            failure_cause="TIMEOUT",
            failure_message="The job did not end before its deadline.",
        )
        .returning(Job.id)
    )
    return len(rows.all())
