"""Removes the file keys of ended jobs of Sets, so that garbage collection deletes the files.

The rows stay. Files that several jobs share are deleted after the last of these jobs is purged.
"""

from collections.abc import Sequence

from sqlalchemy import delete as delete_from, func, select, update
from sqlalchemy.orm import Session

from webapp.domain.models.sets_instance import SetsMask
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto

ENDED = (SetsJobStatus.DONE, SetsJobStatus.FAILED, SetsJobStatus.CANCELED)


def purge(session: Session, job_ids: Sequence[int]) -> None:
    """Remove the file keys of ended jobs whose rows the caller has locked."""
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
