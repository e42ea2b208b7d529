"""What time does to jobs of Sets: forgotten ones are canceled, the files of old ones go.

Rows stay. A file is deleted by the collector of garbage once no row names it, so photos and masks
that several jobs share go with the last of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.orm import Session

from webapp.domain.db import UnitOfWork
from webapp.domain.models.sets_instance import SetsMask
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services import sets_jobs

UNCONFIRMED, UNEXECUTED = timedelta(hours=1), timedelta(hours=24)
ENDED = (SetsJobStatus.DONE, SetsJobStatus.FAILED, SetsJobStatus.CANCELED)
JOBS_AT_ONCE = 20  # with up to 200 photos each
# Of the statement: no index can be asked for a clock that goes on while rows are read.
NOW = func.statement_timestamp()


@dataclass(frozen=True)
class Swept:
    """How many jobs were canceled, and of how many the files were let go."""

    canceled: int
    purged: int


def sweep(unit_of_work: UnitOfWork) -> Swept:
    """Cancel all forgotten jobs and purge all expired ones, in short transactions."""
    return Swept(_all(unit_of_work, cancel_forgotten), _all(unit_of_work, purge_expired))


def _all(unit_of_work: UnitOfWork, sweep_some: Callable[..., int]) -> int:
    count, gone = 0, JOBS_AT_ONCE
    while gone == JOBS_AT_ONCE:
        with unit_of_work() as session:
            gone = sweep_some(session, limit=JOBS_AT_ONCE)
        count += gone
    return count


def cancel_forgotten(session: Session, *, limit: int) -> int:
    """Cancel jobs that nobody confirmed or executed in time; return how many.

    Credits come back. Whoever works on a job at this moment keeps it.
    """
    waiting = (SetsJobStatus.CREATED.value, SetsJobStatus.UPLOADED.value)
    forgotten = session.scalars(
        select(SetsJob)
        .where(SetsJob.status.in_(waiting), _is_forgotten())
        .order_by(SetsJob.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for job in forgotten:
        sets_jobs.cancel_locked(session, job)
    return len(forgotten)


def purge_expired(session: Session, *, limit: int) -> int:
    """Let go of the files of jobs that have ended and are past their time; return how many jobs."""
    expired = session.scalars(
        select(SetsJob.id)
        .where(SetsJob.purged_at.is_(None), SetsJob.expires_at < NOW, SetsJob.status.in_(ENDED))
        .order_by(SetsJob.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    purge(session, expired)
    return len(expired)


def purge(session: Session, job_ids: Sequence[int]) -> None:
    """Let go of the files of jobs that have ended, whose rows the caller has locked."""
    if not job_ids:
        return
    hashes = set(
        session.scalars(
            update(SetsPhoto)
            .where(SetsPhoto.job_id.in_(job_ids), SetsPhoto.is_purged.is_(False))
            .values(
                is_purged=True,
                photo_key=None,
                preview_key=None,
                result_key=None,
                result_preview_key=None,
                updated_at=func.clock_timestamp(),
            )
            .returning(SetsPhoto.sha256)
            .execution_options(synchronize_session="fetch")
        )
    )
    session.execute(
        update(SetsJob)
        .where(SetsJob.id.in_(job_ids))
        .values(purged_at=func.clock_timestamp())
        .execution_options(synchronize_session="fetch")
    )
    still_used = (
        select(SetsPhoto.id)
        .where(SetsPhoto.sha256 == SetsMask.photo_sha256, SetsPhoto.is_purged.is_(False))
        .exists()
    )
    session.execute(delete_from(SetsMask).where(SetsMask.photo_sha256.in_(hashes), ~still_used))


def _is_forgotten() -> ColumnElement[bool]:
    """Return the condition of a job that has waited too long for its person."""
    is_created = SetsJob.status == SetsJobStatus.CREATED
    return (SetsJob.updated_at < NOW - UNEXECUTED) | (
        is_created & (SetsJob.updated_at < NOW - UNCONFIRMED)
    )
