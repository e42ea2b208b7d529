"""Copies of a person's data: ordered once a day, made by a job, deleted after a week."""

from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.errors import RateLimitExceeded
from webapp.domain.jobs import Lease
from webapp.domain.models.account import User
from webapp.domain.models.data_export import DataExport, DataExportStatus
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.notification import NotificationType
from webapp.domain.pieces import delete_chosen
from webapp.domain.services import accounts, notifications

EVERY, KEPT = timedelta(days=1), timedelta(days=7)
MOST_FAILED = 3  # within EVERY; each of them may be tried again
FINAL = (DataExportStatus.READY, DataExportStatus.FAILED)


def request(session: Session, *, user_id: int, request_id: str) -> DataExport:
    """Order a copy, or return the one that is being made.

    Raises RateLimitExceeded within a day of one that was made, or of several that failed.
    """
    accounts.lock_active(session, user_id)
    # One request of a person at a time, so that what is counted holds.
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    recent = session.scalars(
        select(DataExport)
        .where(
            DataExport.user_id == user_id,
            or_(
                DataExport.created_at > jobs.NOW - EVERY,
                DataExport.status == DataExportStatus.QUEUED,
            ),
        )
        .order_by(DataExport.created_at, DataExport.id)
    ).all()
    for each in recent:
        if each.status == DataExportStatus.QUEUED:
            return each
    failed = [each for each in recent if each.status == DataExportStatus.FAILED]
    made = [each for each in recent if each.status == DataExportStatus.READY]
    if made or len(failed) >= MOST_FAILED:
        _refuse(session, (made or failed)[0])
    export = DataExport(user_id=user_id)
    session.add(export)
    session.flush()
    jobs.enqueue(session, JobKind.DATA_EXPORT, export.id, request_id=request_id)
    return export


def owner_of(session: Session, lease: Lease) -> int | None:
    """Return whose data a job copies; None if the person has left meanwhile."""
    return session.scalar(select(DataExport.user_id).where(DataExport.id == lease.ref))


def record(
    session: Session, lease: Lease, *, archive_key: str, size: int, files_left_out: int
) -> bool:
    """Record a copy and notify its owner; False if the fence is stale."""
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return False
    user_id = session.scalar(
        update(DataExport)
        .where(DataExport.id == lease.ref)
        .values(
            status=DataExportStatus.READY,
            archive_key=archive_key,
            archive_size=size,
            files_left_out=files_left_out,
            finished_at=jobs.NOW,
        )
        .returning(DataExport.user_id)
    )
    if user_id is None:
        return False
    notifications.notify(
        session,
        user_id,
        NotificationType.DATA_EXPORT_READY,
        target_type="data_export",
        target_id=lease.ref,
    )
    return True


def fail(session: Session, export_id: int, cause: str, _message: str) -> None:
    """End a copy that could not be made; its owner may order another one."""
    session.execute(
        update(DataExport)
        .where(DataExport.id == export_id, DataExport.status == DataExportStatus.QUEUED)
        .values(status=DataExportStatus.FAILED, failure_cause=cause, finished_at=jobs.NOW)
    )


def purge(session: Session, *, limit: int) -> int:
    """Delete at most `limit` copies of last week; return how many. Their files are garbage then."""
    old = (
        select(DataExport.id)
        .where(DataExport.created_at < jobs.NOW - KEPT, DataExport.status.in_(FINAL))
        .order_by(DataExport.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete_chosen(session, DataExport.id, old)


def delete_of_person(session: Session, user_id: int) -> None:
    """Delete a person's copies and their jobs; a worker that makes one records nothing."""
    ids = select(DataExport.id).where(DataExport.user_id == user_id)
    session.execute(delete(Job).where(Job.kind == JobKind.DATA_EXPORT, Job.ref.in_(ids)))
    session.execute(delete(DataExport).where(DataExport.user_id == user_id))


def _refuse(session: Session, export: DataExport) -> None:
    wait = export.created_at + EVERY - session.scalars(select(jobs.NOW)).one()
    seconds = int(EVERY.total_seconds())
    raise RateLimitExceeded(
        limit=1, window_seconds=seconds, retry_after=max(1, int(wait.total_seconds()))
    )
