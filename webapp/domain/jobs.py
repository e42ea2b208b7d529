"""The job table: enqueue, claim, renew, queue the next step, retry, finish.

Each is one conditional UPDATE. Every claim raises the fence; every later change names the fence of
its lease, and its row count says whether it applied, so a late or duplicate worker changes nothing.
All times are those of the database.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Unpack

from sqlalchemy import ColumnElement, and_, func, select, text, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.models.documents import Handover
from webapp.domain.models.epoch import Epoch
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.pipelines import PIPELINES

NOTIFY_CHANNEL = "jobs"
MAX_CRASHES = 3
NOW = func.clock_timestamp()
FIRST_FENCE = select(func.coalesce(func.max(Epoch.first_fence), 0)).scalar_subquery()
DEADLINES = {
    JobKind.TRAINING: timedelta(hours=6),
    JobKind.GENERATION: timedelta(minutes=30),
    # The last of 200 photos waits for all others.
    JobKind.PHOTO_CHECK: timedelta(hours=2),
    JobKind.SEGMENTATION: timedelta(hours=2),
    JobKind.PHOTO_EDIT: timedelta(hours=4),
    JobKind.SETS_EXPORT: timedelta(hours=2),
    # Its picture is discarded earlier.
    JobKind.DEEP_SEARCH: timedelta(minutes=1),
    JobKind.DATA_EXPORT: timedelta(hours=2),
    JobKind.ARTWORK_PREVIEW: timedelta(hours=2),
    # In the morning or not at all.
    JobKind.MAIL_DIGEST: timedelta(hours=4),
    # After the last retry: `webhook_deliveries.DELAYS`.
    JobKind.WEBHOOK_DELIVERY: timedelta(days=5),
}


@dataclass(frozen=True)
class Lease:
    """The right to run one job until the lease expires; every report names its fence."""

    job_id: int
    kind: JobKind
    ref: int
    step: TaskName
    fence: int
    attempt: int
    handover: Handover
    request_id: str = ""


def enqueue(
    session: Session,
    kind: JobKind,
    ref: int,
    *,
    batch_key: str = "",
    request_id: str = "",
    last_fence: int = 0,
) -> Job:
    """Add the job of a row in the same transaction; the relay publishes it after the commit.

    Its fence continues `last_fence` if another job had the same reports before, and is at least the
    first one of this epoch (`services.epochs`).
    """
    job = Job(
        kind=kind,
        ref=ref,
        step=PIPELINES[kind].first,
        batch_key=batch_key,
        fence=func.greatest(last_fence, FIRST_FENCE),
        request_id=request_id,
        deadline_at=NOW + DEADLINES[kind],
    )
    session.add(job)
    session.flush()
    wake_relay(session)
    return job


def wake_relay(session: Session) -> None:
    """NOTIFY the relay, on commit, of a due job; a lost hint costs at most one relay loop."""
    session.execute(text(f"NOTIFY {NOTIFY_CHANNEL}"))


def claim(session: Session, job_id: int, step: TaskName, lease_seconds: int) -> Lease | None:
    """Claim one due job at one step; None when the message is stale."""
    leases = _claim(session, [job_id], step, lease_seconds)
    return leases[0] if leases else None


def claimable(kind: JobKind, step: TaskName, now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Select the jobs of a kind that a worker at one step can claim at a time."""
    return and_(
        Job.kind == kind,
        Job.step == step,
        Job.state == JobState.QUEUED,
        Job.run_at <= now,
        Job.cancel_requested.is_(False),
    )


def claim_batch(
    session: Session,
    kind: JobKind,
    *,
    lease_seconds: int,
    limit: int,
    job_id: int | None = None,
    base_model: str | None = None,
    batch_of: int | None = None,
) -> list[Lease]:
    """Claim the named job, or the oldest due one, with the oldest that share its batch key.

    With a base model, only jobs of that one: their batch key begins with its name. With `batch_of`,
    only jobs that share the batch key of that one. Returns an empty list when the message is stale.
    Rows that other transactions have locked are skipped.
    """
    step = PIPELINES[kind].gpu_step
    if step is None:
        return []  # no worker claims this kind over HTTP
    due = claimable(kind, step, NOW)
    conditions = [due]
    if job_id is not None:
        conditions.append(Job.id == job_id)
    if base_model is not None:
        sized = Job.batch_key.startswith(f"{base_model}:", autoescape=True)
        conditions.append((Job.batch_key == base_model) | sized)
    if batch_of is not None:
        leader = select(Job.batch_key).where(Job.id == batch_of, Job.kind == kind)
        conditions.append(Job.batch_key == leader.scalar_subquery())
    first = session.execute(
        select(Job.id, Job.batch_key)
        .where(*conditions)
        .order_by(Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if first is None:
        return []
    ids = [first.id]
    if limit > 1 and first.batch_key:
        ids += session.scalars(
            select(Job.id)
            .where(due, Job.batch_key == first.batch_key, Job.id != first.id)
            .order_by(Job.id)
            .limit(limit - 1)
            .with_for_update(skip_locked=True)
        )
    return _claim(session, ids, step, lease_seconds)


def _claim(session: Session, ids: list[int], step: TaskName, lease_seconds: int) -> list[Lease]:
    claimed = session.scalars(
        update(Job)
        .where(
            Job.id.in_(ids),
            Job.step == step,
            Job.state == JobState.QUEUED,
            Job.run_at <= NOW,
        )
        .values(
            state=JobState.RUNNING,
            fence=Job.fence + 1,
            lease_until=NOW + timedelta(seconds=lease_seconds),
        )
        .returning(Job)
        .execution_options(populate_existing=True)
    )
    return sorted((_lease(job) for job in claimed), key=lambda lease: lease.job_id)


def _lease(job: Job) -> Lease:
    return Lease(
        job_id=job.id,
        kind=JobKind(job.kind),
        ref=job.ref,
        step=TaskName(job.step),
        fence=job.fence,
        attempt=job.attempt,
        handover=job.handover,
        request_id=job.request_id,
    )


def renew(session: Session, job_id: int, fence: int, lease_seconds: int) -> bool | None:
    """Renew a lease; return whether a cancel was requested, or None when the fence is stale."""
    return session.execute(
        update(Job)
        .where(*_is_leased(job_id, fence))
        .values(lease_until=NOW + timedelta(seconds=lease_seconds))
        .returning(Job.cancel_requested)
    ).scalar_one_or_none()


def queue_next_step(session: Session, lease: Lease, **handover: Unpack[Handover]) -> bool:
    """Queue the next step with the values that it needs; False when the fence is stale."""
    next_step = PIPELINES[lease.kind].after(lease.step)
    return _requeue(
        session,
        lease,
        step=next_step,
        handover=lease.handover | handover,
        run_at=NOW,
    )


def release(session: Session, lease: Lease) -> bool:
    """Queue the same step again at once: the end of a training slice, or a deploy."""
    return _requeue(session, lease, run_at=NOW)


def postpone(session: Session, lease: Lease, seconds: int) -> bool:
    """Queue the same step again after a delay, or at `make_due`; uses up no attempt."""
    return _requeue(session, lease, run_at=NOW + timedelta(seconds=seconds))


def retry(session: Session, lease: Lease, delay_seconds: int, cause: str, message: str) -> bool:
    """Queue the same step again after a delay; uses up one attempt."""
    return _requeue(
        session,
        lease,
        run_at=NOW + timedelta(seconds=delay_seconds),
        tries=Job.tries + 1,
        failure_cause=cause,
        failure_message=message,
    )


def _requeue(session: Session, lease: Lease, **values: Any) -> bool:
    requeued_id = session.execute(
        update(Job)
        .where(*_is_leased(lease.job_id, lease.fence))
        .values(state=JobState.QUEUED, published_at=None, lease_until=None, **values)
        .returning(Job.id)
    ).first()
    if requeued_id is None:
        return False
    wake_relay(session)
    return True


def finish(session: Session, job_id: int, fence: int, state: JobState) -> bool:
    """End a leased job with a final state; False when the fence is stale."""
    return _end(session, state, *_is_leased(job_id, fence))


def finish_waiting(session: Session, job_id: int, step: TaskName, state: JobState) -> bool:
    """End a job queued at a step, in the transaction that also does the step itself."""
    return _end(session, state, Job.id == job_id, Job.step == step, Job.state == JobState.QUEUED)


def _end(session: Session, state: JobState, *conditions: ColumnElement[bool]) -> bool:
    ended_id = session.execute(
        update(Job)
        .where(*conditions)
        .values(state=state, lease_until=None, finished_at=NOW)
        .returning(Job.id)
    ).first()
    return ended_id is not None


def cancel_waiting(session: Session, kind: JobKind, ref: int) -> bool:
    """Cancel a queued job; flag a running one for the answer to its worker's next report."""
    if _end(
        session,
        JobState.CANCELED,
        Job.kind == kind,
        Job.ref == ref,
        Job.state == JobState.QUEUED,
    ):
        return True
    session.execute(
        update(Job)
        .where(Job.kind == kind, Job.ref == ref, Job.state == JobState.RUNNING)
        .values(cancel_requested=True)
    )
    return False


def cancel(session: Session, kind: JobKind, ref: int) -> bool:
    """End a job in any state; the fence of its worker is stale from then on."""
    return _end(
        session,
        JobState.CANCELED,
        Job.kind == kind,
        Job.ref == ref,
        Job.state.in_([JobState.QUEUED, JobState.RUNNING]),
    )


def make_due(session: Session, job_id: int) -> bool:
    """Make a queued job due now instead of at its `run_at`; False when it is not queued."""
    due_id = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED)
        .values(run_at=NOW, published_at=None)
        .returning(Job.id)
    ).first()
    wake_relay(session)
    return due_id is not None


def _is_leased(job_id: int, fence: int) -> tuple[ColumnElement[bool], ...]:
    return (Job.id == job_id, Job.fence == fence, Job.state == JobState.RUNNING)
