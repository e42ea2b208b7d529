"""The job table as the relay sees it: what is due, which leases ran out, what is overdue.

Each is one conditional UPDATE over rows that nobody else holds (`jobs` has those of the workers).
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.jobs import MAX_CRASHES, NOW
from webapp.domain.models.job import Job, JobState


@dataclass(frozen=True)
class Bell:
    """One task to send: which step, for which job, asked for by which request."""

    job_id: int
    step: TaskName
    request_id: str = ""


def mark_due(session: Session, *, repeat_seconds: int, limit: int = 200) -> list[Bell]:
    """Mark due jobs as rung and return their bells; unheard bells come again after a while.

    The wait doubles with each unheard bell, up to four times `repeat_seconds`: in a long queue
    most bells are not lost but wait, and ringing them all the time would drown the new ones.
    """
    patience = func.least(
        func.greatest(timedelta(seconds=repeat_seconds), Job.rung_at - Job.run_at),
        timedelta(seconds=4 * repeat_seconds),
    )
    due = (
        select(Job.id)
        .where(
            Job.state == JobState.QUEUED,
            Job.run_at <= NOW,
            or_(Job.rung_at.is_(None), Job.rung_at < NOW - patience),
        )
        # First what was never rung, so that a queue of any length keeps nobody else waiting.
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
    bells = (Bell(row.id, TaskName(row.step), row.request_id) for row in rows)
    return sorted(bells, key=lambda bell: bell.job_id)


def unmark(session: Session, bells: list[Bell]) -> None:
    """Take the marks back after a publish that failed, so that the next loop rings again."""
    session.execute(
        update(Job)
        .where(Job.id.in_([bell.job_id for bell in bells]), Job.state == JobState.QUEUED)
        .values(rung_at=None)
    )


def take_back_expired(session: Session, limit: int = 200) -> int:
    """Queue again every job whose worker fell silent; raise its fence and count the crash.

    Past the crash budget the job goes to the step `refund`, which ends it. Returns the count.
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
