"""The lease behind a worker's report, and the answer to the report.

A worker that claimed names its fence; callers without one name the attempt. What differs between
the kinds of jobs is in `REPORTED`; a kind without an entry takes no reports.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs
from webapp.domain.errors import (
    DomainError,
    GenerationNotFound,
    NotFound,
    ServiceUnavailable,
    StyleNotFound,
)
from webapp.domain.gateways.storage import ObjectMissing, Storage, StorageUnavailable
from webapp.domain.jobs import Lease
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_instance import SetsSegmentation
from webapp.domain.models.style import Style
from webapp.domain.pipelines import PIPELINES
from webapp.domain.services import claimed_jobs, epochs, job_attempts, training


@dataclass(frozen=True)
class WorkerAnswer:
    """The answer to a report; `rejected` names the guarantee that a result broke."""

    applied: bool
    status: str
    reason: str | None = None
    cancel_requested: bool = False
    rejected: str | None = None


@dataclass(frozen=True)
class Reported:
    """How a kind of job reads the state of its row, and its error for a missing row."""

    status: Callable[[Session, int], str]
    not_found: Callable[[int], DomainError]


def status(session: Session, kind: JobKind, ref: int) -> str:
    """Return the state of a row for the answer to its worker."""
    return REPORTED[kind].status(session, ref)


def current_lease(
    session: Session, kind: JobKind, ref: int, *, attempt: int | None, fence: int | None
) -> Lease | WorkerAnswer:
    """Return the caller's lease, or the answer for a caller that holds none.

    Raises the error of the kind when there is no such row.
    """
    job_attempts.lock(session, kind, ref)
    job = session.scalar(select(Job).where(Job.kind == kind, Job.ref == ref).with_for_update())
    if job is None:
        raise REPORTED[kind].not_found(ref)
    reason = _stale_reason(session, job, attempt, fence)
    if reason is not None:
        return WorkerAnswer(applied=False, status=status(session, kind, ref), reason=reason)
    if job.state == JobState.QUEUED:
        leases = jobs.claim_batch(
            session, kind, lease_seconds=claimed_jobs.lease_seconds(kind), limit=1, job_id=job.id
        )
        if not leases:
            return WorkerAnswer(
                applied=False, status=status(session, kind, ref), reason="stale_attempt"
            )
        job_attempts.activate(session, leases[0])
        return leases[0]
    return Lease(job.id, kind, ref, TaskName(job.step), job.fence, job.attempt, job.handover.copy())


def fetched(storage: Storage, key: str, prefix: str, sha256: str) -> bytes | None:
    """Return an object if this lease may write its key and it has the reported hash."""
    if not claimed_jobs.is_under(prefix, [key]):
        return None
    try:
        data = storage.get(key)
    except ObjectMissing:
        return None
    except StorageUnavailable:
        raise ServiceUnavailable(retry_after=5) from None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _stale_reason(session: Session, job: Job, attempt: int | None, fence: int | None) -> str | None:
    if job.state not in {JobState.QUEUED, JobState.RUNNING}:
        return "terminal"
    if job.step != PIPELINES[JobKind(job.kind)].gpu_step:
        return "duplicate"
    if fence is not None:
        is_mine = fence == job.fence and job.state == JobState.RUNNING
        return None if is_mine else "stale_attempt"
    # After a restore, attempts are counted as before: only a fence tells the two times apart.
    is_mine = attempt == job.attempt and not epochs.is_of_earlier_epoch(session, job)
    return None if is_mine else "stale_attempt"


def _style_status(session: Session, run_id: int) -> str:
    style_id = training.style_id_of(session, run_id)
    query = select(Style.training_status).where(Style.id == style_id)
    return session.execute(query).scalar_one()


def _generation_status(session: Session, generation_id: int) -> str:
    query = select(Generation.status).where(Generation.id == generation_id)
    return session.execute(query).scalar_one()


def _segmentation_status(session: Session, run_id: int) -> str:
    query = select(SetsSegmentation.status).where(SetsSegmentation.id == run_id)
    return session.execute(query).scalar_one()


REPORTED: dict[JobKind, Reported] = {
    JobKind.TRAINING: Reported(_style_status, lambda ref: StyleNotFound(id=ref)),
    JobKind.GENERATION: Reported(_generation_status, lambda ref: GenerationNotFound(id=ref)),
    JobKind.SEGMENTATION: Reported(
        _segmentation_status, lambda ref: NotFound(resource="segmentation", id=ref)
    ),
}
