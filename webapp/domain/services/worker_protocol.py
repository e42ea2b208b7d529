"""The worker protocol: claim frozen jobs with their fence, report progress, fail.

A worker that claimed names its fence; callers without one name the attempt. A report that comes
twice, too late or from a lost worker changes nothing; the answer says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain import jobs
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import ServiceUnavailable, StyleNotFound
from webapp.domain.gateways.storage import Storage, StorageUnavailable
from webapp.domain.jobs import Lease
from webapp.domain.models.documents import Progress
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import (
    artworks,
    base_models,
    claimed_jobs,
    job_attempts,
    training,
    worker_results,
)
from webapp.domain.services.artworks import UnusableArtwork
from webapp.domain.services.checkpoints import MadeCheckpoint
from webapp.domain.services.claimed_jobs import ClaimedJob
from webapp.domain.services.training import MeasuredLoss
from webapp.domain.services.worker_leases import WorkerAnswer, current_lease, status
from webapp.domain.services.worker_results import ReportedCheckpoint

__all__ = [
    "WorkerAnswer",
    "claim",
    "current_attempt",
    "failed",
    "progress",
    "renew_lease",
    "style_run",
]


@dataclass(frozen=True)
class TrainingUpdate:
    """What a report of a training holds besides its progress: files and losses since the last one.

    With `slice_ended` the worker has stopped and another one may continue.
    """

    losses: tuple[MeasuredLoss, ...] = ()
    sample_keys: tuple[str, ...] = ()
    checkpoint_key: str | None = None
    checkpoint: ReportedCheckpoint | None = None
    unusable: tuple[UnusableArtwork, ...] = ()
    slice_ended: bool = False


NO_UPDATE = TrainingUpdate()


def claim(
    session: Session,
    storage: Storage,
    *,
    kinds: list[JobKind],
    limit: int,
    job_id: int | None,
    base_model: str | None = None,
    base_model_sha256: str | None = None,
    batch_of: int | None = None,
) -> list[ClaimedJob]:
    """Lease due jobs to a worker: all of one base model, generations also of one size.

    A worker that has one base model loaded gets the jobs of no other, and one that fills the batch
    of a job it has already claimed only what may share it.

    Raises ServiceUnavailable while storage is unavailable: an outage must not use up attempts.
    """
    try:
        storage.check()
    except StorageUnavailable:
        raise ServiceUnavailable(retry_after=5) from None
    if base_model is not None and base_model_sha256 is not None:
        base_models.record_loaded(session, base_model, base_model_sha256)
    for kind in kinds:
        leases = jobs.claim_batch(
            session,
            kind,
            lease_seconds=claimed_jobs.lease_seconds(kind),
            limit=limit,
            job_id=job_id,
            base_model=base_model,
            batch_of=batch_of,
        )
        if leases:
            for lease in leases:
                job_attempts.activate(session, lease)
            return [claimed_jobs.claimed_job(session, storage, lease) for lease in leases]
    return []


def style_run(session: Session, style_id: int) -> int:
    """Return the current run of a style; raises StyleNotFound."""
    run = training.latest_run(session, style_id)
    if run is None:
        raise StyleNotFound(id=style_id)
    return run.id


def current_attempt(session: Session, kind: JobKind, ref: int) -> int:
    """Return the number of the attempt in progress, for callers that name none."""
    tries = session.scalar(select(Job.tries).where(Job.kind == kind, Job.ref == ref))
    return (tries or 0) + 1


def progress(
    unit_of_work: UnitOfWork,
    storage: Storage,
    kind: JobKind,
    ref: int,
    report: Progress,
    *,
    attempt: int | None,
    fence: int | None,
    update: TrainingUpdate = NO_UPDATE,
) -> WorkerAnswer:
    """Store progress and renew the lease, but only while the percentage rises.

    A checkpoint in the `update` whose files are not there counts as a failed attempt, and so does
    any key that this lease may not write. The files are read between two short
    transactions.
    """
    checkpoint = None
    if update.checkpoint is not None:
        with unit_of_work() as session:
            lease = current_lease(session, kind, ref, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        checkpoint = worker_results.read_checkpoint(storage, lease, update.checkpoint)
    with unit_of_work() as session:
        lease = current_lease(session, kind, ref, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        if update.checkpoint is not None and checkpoint is None:
            return worker_results.reject_training(session, lease)
        return _record_progress(session, lease, report, update, checkpoint)


def _record_progress(
    session: Session,
    lease: Lease,
    report: Progress,
    update: TrainingUpdate,
    checkpoint: MadeCheckpoint | None,
) -> WorkerAnswer:
    kind, ref = lease.kind, lease.ref
    old: Progress = _row_progress(session, kind, ref) or {}
    advanced = report.get("progress_percent", 0) > old.get("progress_percent", -1)
    # The progress that is shown never decreases, though a run that resumes starts lower.
    merged = old | report if advanced else old.copy()
    if kind is JobKind.TRAINING and advanced and "estimated_seconds" not in report:
        merged.pop("estimated_seconds", None)  # the former estimate no longer holds
    is_empty = replace(update, checkpoint=None) == NO_UPDATE
    if not advanced and is_empty and checkpoint is None:
        return WorkerAnswer(applied=False, status=status(session, kind, ref), reason="duplicate")
    merged["last_updated"] = _now(session)
    if kind is JobKind.TRAINING:
        keys = [*update.sample_keys, *filter(None, [update.checkpoint_key])]
        if not claimed_jobs.is_under(claimed_jobs.training_prefix(lease), keys):
            return worker_results.reject_training(session, lease)
        training.record_progress(
            session,
            ref,
            merged,
            losses=update.losses,
            sample_keys=update.sample_keys,
            checkpoint_key=update.checkpoint_key,
            unusable=update.unusable,
            checkpoint=checkpoint,
        )
    elif kind is JobKind.GENERATION:
        session.scalars(select(Generation).where(Generation.id == ref)).one().progress = merged
        session.flush()
    if update.slice_ended:
        jobs.release(session, lease)
        return WorkerAnswer(applied=True, status=status(session, kind, ref))
    canceled = jobs.renew(session, lease.job_id, lease.fence, claimed_jobs.lease_seconds(kind))
    return WorkerAnswer(
        applied=True, status=status(session, kind, ref), cancel_requested=bool(canceled)
    )


def renew_lease(
    session: Session, kind: JobKind, ref: int, *, attempt: int | None, fence: int | None
) -> WorkerAnswer:
    """Renew the lease of a job without progress to report, and say whether it was canceled."""
    lease = current_lease(session, kind, ref, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    canceled = jobs.renew(session, lease.job_id, lease.fence, claimed_jobs.lease_seconds(kind))
    return WorkerAnswer(
        applied=True, status=status(session, kind, ref), cancel_requested=bool(canceled)
    )


def failed(
    session: Session,
    kind: JobKind,
    ref: int,
    *,
    attempt: int | None,
    fence: int | None,
    cause: str,
    message: str,
    unusable: Sequence[UnusableArtwork] = (),
) -> WorkerAnswer:
    """Record that an attempt failed: tried again later, or the end with refund and notice."""
    lease = current_lease(session, kind, ref, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    if unusable:
        artworks.leave_out(session, training.style_id_of(session, ref), unusable)
    job_attempts.fail(session, lease, cause, message)
    return WorkerAnswer(applied=True, status=status(session, kind, ref))


# Kinds whose rows store the progress of their job.
_PROGRESS: dict[JobKind, tuple[InstrumentedAttribute[Any], InstrumentedAttribute[int]]] = {
    JobKind.TRAINING: (TrainingRun.progress, TrainingRun.id),
    JobKind.GENERATION: (Generation.progress, Generation.id),
}


def _row_progress(session: Session, kind: JobKind, ref: int) -> Progress | None:
    column, row_id = _PROGRESS[kind]
    progress: Progress | None = session.scalars(select(column).where(row_id == ref)).one()
    return progress


def _now(session: Session) -> str:
    moment: datetime = session.execute(select(jobs.NOW)).scalar_one()
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
