"""Attempts at the steps of all pipelines: claim, activate, fail with a retry or for good, abandon.

`ROWS` has, for each kind of job, how the row behind the job follows it (a generation, a training
run, a photo). A kind without an entry is an error.
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
    data_exports,
    deep_searches,
    generations,
    mail_digests,
    sets_checks,
    sets_edits,
    sets_exports,
    sets_segmentations,
    shown_artworks,
    training,
    webhook_deliveries,
)
from webapp.domain.settings import settings

RETRYABLE_CAUSES = frozenset(
    {"GPU_OOM", "TIMEOUT", "NETWORK", "WORKER_LOST", "ADAPTER_MISMATCH", "SIGNATURE_FAILED"}
)


@dataclass(frozen=True)
class Row:
    """How the row behind one kind of job follows the job.

    `activate` sets it to running, `wait` to waiting for the next attempt after a cause, `fail` ends
    it with cause and message. `lock` takes the locks that must be taken before the job's own row.
    """

    activate: Callable[[Session, Lease], None]
    wait: Callable[[Session, Lease, str], None]
    fail: Callable[[Session, int, str, str], None]
    lock: Callable[[Session, int], None]


def claim(session: Session, job_id: int, step: TaskName) -> Lease | None:
    """Claim a job at a CPU step; None when the message is stale."""
    _lock_row_of(session, job_id)
    lease = jobs.claim(session, job_id, step, settings().step_lease_seconds)
    if lease is not None:
        activate(session, lease)
    return lease


def lock(session: Session, kind: JobKind, ref: int) -> None:
    """Take the locks that must be taken before the job of a row is changed."""
    ROWS[kind].lock(session, ref)


def activate(session: Session, lease: Lease) -> None:
    """Set the row to running; no change if it already is."""
    ROWS[lease.kind].activate(session, lease)


def fail(session: Session, lease: Lease, cause: str, message: str) -> JobState | None:
    """Record a failed attempt; return the state of the job, or None when the fence is stale.

    The state is QUEUED for a retry after a delay, FAILED for the end.

    Only RETRYABLE_CAUSES are retried, at most three times. The end refunds and notifies in the
    same commit.
    """
    lock(session, lease.kind, lease.ref)
    delays = settings().retry_delays_seconds
    if cause in RETRYABLE_CAUSES and lease.attempt <= len(delays):
        if not jobs.retry(session, lease, delays[lease.attempt - 1], cause, message):
            return None
        ROWS[lease.kind].wait(session, lease, cause)
        return JobState.QUEUED
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.FAILED):
        return None
    ROWS[lease.kind].fail(session, lease.ref, cause, message)
    return JobState.FAILED


def abandon(session: Session, job_id: int) -> bool:
    """End a job at the step `refund`: past its deadline, or its workers were lost too often."""
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

    A rendering starts from the beginning: with the progress of the lost worker, every report of
    this one would count as a duplicate and would not renew its lease.
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


def _no_change(_session: Session, _lease: Lease, _cause: str = "") -> None:
    """Change nothing."""


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
        activate=_no_change, wait=_no_change, fail=sets_checks.fail, lock=sets_checks.lock
    ),
    JobKind.SEGMENTATION: Row(
        activate=sets_segmentations.activate,
        wait=sets_segmentations.wait,
        fail=sets_segmentations.fail,
        lock=sets_segmentations.lock,
    ),
    JobKind.PHOTO_EDIT: Row(
        activate=sets_edits.activate, wait=_no_change, fail=sets_edits.fail, lock=sets_edits.lock
    ),
    JobKind.SETS_EXPORT: Row(
        activate=_no_change, wait=_no_change, fail=sets_exports.fail, lock=_unlocked
    ),
    JobKind.DEEP_SEARCH: Row(
        activate=_no_change, wait=_no_change, fail=deep_searches.fail, lock=_unlocked
    ),
    JobKind.DATA_EXPORT: Row(
        activate=_no_change, wait=_no_change, fail=data_exports.fail, lock=_unlocked
    ),
    JobKind.ARTWORK_PREVIEW: Row(
        activate=_no_change, wait=_no_change, fail=shown_artworks.fail, lock=_unlocked
    ),
    JobKind.MAIL_DIGEST: Row(
        activate=_no_change, wait=_no_change, fail=mail_digests.fail, lock=_unlocked
    ),
    JobKind.WEBHOOK_DELIVERY: Row(
        activate=_no_change, wait=_no_change, fail=webhook_deliveries.fail, lock=_unlocked
    ),
}
