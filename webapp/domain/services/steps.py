"""What all steps of all pipelines share: begin under a lease, fail with a verdict, abandon."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs, pipelines
from webapp.domain.jobs import Lease
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.style import TrainingStatus
from webapp.domain.services import generations, training
from webapp.domain.settings import settings

RETRYABLE_CAUSES = frozenset(
    {"GPU_OOM", "TIMEOUT", "NETWORK", "WORKER_LOST", "ADAPTER_MISMATCH", "SIGNATURE_FAILED"}
)


def begin(session: Session, job_id: int, step: TaskName) -> Lease | None:
    """Take a job at a CPU step, or None when the bell was stale."""
    lease = jobs.claim(session, job_id, step, settings().step_lease_seconds)
    if lease is not None:
        activate(session, lease)
    return lease


def activate(session: Session, lease: Lease) -> None:
    """Show the row as being worked on; it stays as it is when it already was.

    A rendering begins anew: the progress of a lost worker would make every report of this one
    look old, and its lease would run out under honest work.
    """
    if lease.kind is JobKind.GENERATION:
        if lease.step is TaskName.RENDER_IMAGES:
            session.execute(
                update(Generation).where(Generation.id == lease.ref).values(progress=None)
            )
        pipelines.advance_generation(session, lease.ref, GenerationStatus.PROCESSING)
    elif lease.step is not TaskName.VALIDATE_UPLOADS:
        pipelines.advance_style(
            session, training.style_id_of(session, lease.ref), TrainingStatus.TRAINING
        )


def fail(session: Session, lease: Lease, cause: str, message: str) -> bool:
    """Record a failed attempt: again after a delay, or the end; False when the fence is stale.

    Only a retryable cause is tried again, at most three times. The end refunds and notifies in
    the same commit.
    """
    delays = settings().retry_delays_seconds
    if cause in RETRYABLE_CAUSES and lease.attempt <= len(delays):
        if not jobs.retry(session, lease, delays[lease.attempt - 1], cause, message):
            return False
        _show_waiting(session, lease, cause)
        return True
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.FAILED):
        return False
    _end(session, lease.kind, lease.ref, cause, message)
    return True


def abandon(session: Session, job_id: int) -> bool:
    """End a job that the relay gave up: out of time, or its workers lost too often."""
    job = session.get(Job, job_id)
    if job is None or not jobs.finish_waiting(session, job_id, TaskName.REFUND, JobState.FAILED):
        return False
    _end(
        session,
        JobKind(job.kind),
        job.ref,
        job.failure_cause or "WORKER_LOST",
        job.failure_message or "",
    )
    return True


def _show_waiting(session: Session, lease: Lease, cause: str) -> None:
    if lease.kind is JobKind.GENERATION:
        pipelines.advance_generation(session, lease.ref, GenerationStatus.RETRYING, progress=None)
        return
    training.retry(session, lease.ref, cause, attempt=lease.attempt + 1)


def _end(session: Session, kind: JobKind, ref: int, cause: str, message: str) -> None:
    if kind is JobKind.GENERATION:
        generations.fail(session, ref, cause, message)
    else:
        training.fail(session, ref, cause, message)
