"""What all steps of all pipelines share: begin under a lease, fail with a verdict, abandon.

How the row behind a job follows is said once for each kind of job, in `ROWS`; a kind without an
entry is an error and never another kind.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs, pipelines
from webapp.domain.jobs import Lease
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.style import TrainingStatus
from webapp.domain.services import (
    generations,
    sets_checks,
    sets_edits,
    sets_exports,
    sets_segmentations,
    training,
)
from webapp.domain.settings import settings

RETRYABLE_CAUSES = frozenset(
    {"GPU_OOM", "TIMEOUT", "NETWORK", "WORKER_LOST", "ADAPTER_MISMATCH", "SIGNATURE_FAILED"}
)


@dataclass(frozen=True)
class Row:
    """How the row behind one kind of job follows the job.

    `activate` shows it as being worked on, `wait` as waiting for its next attempt after a cause,
    `fail` ends it for good with cause and message. `lock` takes the locks that must be taken before
    the job's own row.
    """

    activate: Callable[[Session, Lease], None]
    wait: Callable[[Session, Lease, str], None]
    fail: Callable[[Session, int, str, str], None]
    lock: Callable[[Session, int], None]


def begin(session: Session, job_id: int, step: TaskName) -> Lease | None:
    """Take a job at a CPU step, or None when the bell was stale."""
    _lock_row_of(session, job_id)
    lease = jobs.claim(session, job_id, step, settings().step_lease_seconds)
    if lease is not None:
        activate(session, lease)
    return lease


def lock(session: Session, kind: JobKind, ref: int) -> None:
    """Take what must be locked before the job of a row is changed in a way its row follows."""
    ROWS[kind].lock(session, ref)


def activate(session: Session, lease: Lease) -> None:
    """Show the row as being worked on; it stays as it is when it already was."""
    ROWS[lease.kind].activate(session, lease)


def fail(session: Session, lease: Lease, cause: str, message: str) -> bool:
    """Record a failed attempt: again after a delay, or the end; False when the fence is stale.

    Only a retryable cause is tried again, at most three times. The end refunds and notifies in
    the same commit.
    """
    lock(session, lease.kind, lease.ref)
    delays = settings().retry_delays_seconds
    if cause in RETRYABLE_CAUSES and lease.attempt <= len(delays):
        if not jobs.retry(session, lease, delays[lease.attempt - 1], cause, message):
            return False
        ROWS[lease.kind].wait(session, lease, cause)
        return True
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.FAILED):
        return False
    ROWS[lease.kind].fail(session, lease.ref, cause, message)
    return True


def abandon(session: Session, job_id: int) -> bool:
    """End a job that the relay gave up: out of time, or its workers lost too often."""
    _lock_row_of(session, job_id)
    job = session.get(Job, job_id)
    if job is None or not jobs.finish_waiting(session, job_id, TaskName.REFUND, JobState.FAILED):
        return False
    cause, message = job.failure_cause or "WORKER_LOST", job.failure_message or ""
    ROWS[JobKind(job.kind)].fail(session, job.ref, cause, message)
    return True


def _lock_row_of(session: Session, job_id: int) -> None:
    job = session.get(Job, job_id)
    if job is not None:
        lock(session, JobKind(job.kind), job.ref)


def _activate_generation(session: Session, lease: Lease) -> None:
    """Show a generation as processing.

    A rendering begins anew: the progress of a lost worker would make every report of this one
    look old, and its lease would run out under honest work.
    """
    if lease.step is TaskName.RENDER_IMAGES:
        session.execute(update(Generation).where(Generation.id == lease.ref).values(progress=None))
    pipelines.advance_generation(session, lease.ref, GenerationStatus.PROCESSING)


def _activate_training(session: Session, lease: Lease) -> None:
    if lease.step is not TaskName.VALIDATE_UPLOADS:
        style_id = training.style_id_of(session, lease.ref)
        pipelines.advance_style(session, style_id, TrainingStatus.TRAINING)


def _generation_waits(session: Session, lease: Lease, _cause: str) -> None:
    pipelines.advance_generation(session, lease.ref, GenerationStatus.RETRYING, progress=None)


def _training_waits(session: Session, lease: Lease, cause: str) -> None:
    training.retry(session, lease.ref, cause, attempt=lease.attempt + 1)


def _stays(_session: Session, _lease: Lease, _cause: str = "") -> None:
    """Leave the row as it stands."""


def _unlocked(_session: Session, _ref: int) -> None:
    """Lock nothing."""


ROWS: dict[JobKind, Row] = {
    JobKind.TRAINING: Row(
        activate=_activate_training, wait=_training_waits, fail=training.fail, lock=_unlocked
    ),
    JobKind.GENERATION: Row(
        activate=_activate_generation,
        wait=_generation_waits,
        fail=generations.fail,
        lock=_unlocked,
    ),
    JobKind.PHOTO_CHECK: Row(
        activate=_stays, wait=_stays, fail=sets_checks.fail, lock=sets_checks.lock
    ),
    JobKind.SEGMENTATION: Row(
        activate=sets_segmentations.activate,
        wait=sets_segmentations.wait,
        fail=sets_segmentations.fail,
        lock=sets_segmentations.lock,
    ),
    JobKind.PHOTO_EDIT: Row(
        activate=sets_edits.activate, wait=_stays, fail=sets_edits.fail, lock=sets_edits.lock
    ),
    JobKind.SETS_EXPORT: Row(activate=_stays, wait=_stays, fail=sets_exports.fail, lock=_unlocked),
}
