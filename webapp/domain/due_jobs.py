"""The job table for the relay: due jobs, expired leases, overdue jobs.

Each function is one conditional UPDATE that skips locked rows; `jobs` has those of the workers.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.jobs import MAX_CRASHES, NOW
from webapp.domain.models.job import Job, JobState


@dataclass(frozen=True)
class DueJob:
    """One message to publish: the step, the job and the id of the request that created it."""

    job_id: int
    step: TaskName
    request_id: str = ""


def mark_due(session: Session, *, repeat_seconds: int, limit: int = 200) -> list[DueJob]:
    """Mark due jobs as published and return them; unclaimed ones are published again.

    The backoff doubles with each publication, up to four times `repeat_seconds`: in a long queue
    most messages are not lost but wait, and copies of them would delay the new ones.
    """
    backoff = func.least(
        func.greatest(timedelta(seconds=repeat_seconds), Job.rung_at - Job.run_at),
        timedelta(seconds=4 * repeat_seconds),
    )
    due = (
        select(Job.id)
        .where(
            Job.state == JobState.QUEUED,
            Job.run_at <= NOW,
            or_(Job.rung_at.is_(None), Job.rung_at < NOW - backoff),
        )
        # First what was never published, so that a long queue does not delay the other queues.
        .order_by(Job.rung_at.nulls_first(), Job.run_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(Job)
        .where(Job.id.in_(due))
        .values(rung_at=NOW)
        .returning(Job.id, Job.step, Job.request_id)
    )
    due_jobs = (DueJob(row.id, TaskName(row.step), row.request_id) for row in rows)
    return sorted(due_jobs, key=lambda job: job.job_id)


def unmark(session: Session, due_jobs: list[DueJob]) -> None:
    """Remove the marks after a failed publish, so that the next loop publishes again."""
    session.execute(
        update(Job)
        .where(Job.id.in_([job.job_id for job in due_jobs]), Job.state == JobState.QUEUED)
        .values(rung_at=None)
    )


def requeue_expired(session: Session, limit: int = 200) -> int:
    """Queue again every job whose lease expired; raise its fence and count the crash.

    After more than MAX_CRASHES the job goes to the step `refund`, which ends it. Returns the count.
    """
    expired = (
        select(Job.id)
        .where(Job.state == JobState.RUNNING, Job.lease_until < NOW)
        .order_by(Job.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(
        update(Job)
        .where(Job.id.in_(expired))
        .values(
            state=JobState.QUEUED,
            fence=Job.fence + 1,
            crashes=Job.crashes + 1,
            run_at=NOW,
            rung_at=None,
            lease_until=None,
        )
        .returning(Job.id)
    ).all()
    session.execute(
        update(Job)
        .where(
            Job.state == JobState.QUEUED,
            Job.crashes > MAX_CRASHES,
            Job.step != TaskName.REFUND,
        )
        .values(
            step=TaskName.REFUND,
            run_at=NOW,
            rung_at=None,
            failure_cause="WORKER_LOST",
            failure_message="The workers of this job were lost too often.",
        )
    )
    return len(rows)


def end_overdue(session: Session) -> int:
    """Send every unfinished job past its deadline to the step `refund`; return how many."""
    rows = session.execute(
        update(Job)
        .where(
            Job.state.in_([JobState.QUEUED, JobState.RUNNING]),
            Job.deadline_at < NOW,
            Job.step != TaskName.REFUND,
        )
        .values(
            step=TaskName.REFUND,
            state=JobState.QUEUED,
            fence=Job.fence + 1,
            run_at=NOW,
            rung_at=None,
            lease_until=None,
            failure_cause="TIMEOUT",
            failure_message="The job did not end before its deadline.",
        )
        .returning(Job.id)
    ).all()
    return len(rows)
