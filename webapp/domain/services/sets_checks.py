"""The check of an uploaded photo of Sets: the input and the result of its step."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import jobs, pipelines
from webapp.domain.jobs import Lease
from webapp.domain.models.job import JobState
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_photos


@dataclass(frozen=True)
class UploadedPhoto:
    """One upload to decode; `sha256` is the hash of its bytes at the job's confirmation."""

    photo_id: int
    account_id: int
    upload_key: str
    sha256: str | None


@dataclass(frozen=True)
class CheckedPhoto:
    """The decoded photo in storage: upright, sRGB, without metadata. Sizes in pixels."""

    photo_key: str
    preview_key: str
    width: int
    height: int


def uploaded_photo(session: Session, lease: Lease) -> UploadedPhoto:
    """Read the input of the check."""
    row = session.execute(
        select(SetsPhoto.id, SetsJob.account_id, SetsPhoto.upload_key, SetsPhoto.sha256)
        .join(SetsJob, SetsJob.id == SetsPhoto.job_id)
        .where(SetsPhoto.id == lease.ref)
    ).one()
    return UploadedPhoto(*row)


def record(session: Session, lease: Lease, checked: CheckedPhoto) -> bool:
    """Set the photo to ready and queue its next step; False if the fence is stale."""
    lock(session, lease.ref)
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return False
    pipelines.advance_photo(
        session,
        lease.ref,
        PhotoStatus.READY,
        photo_key=checked.photo_key,
        preview_key=checked.preview_key,
        width=checked.width,
        height=checked.height,
    )
    sets_photos.enqueue_next_step(session, lease.ref)
    return True


def fail(session: Session, photo_id: int, cause: str, message: str) -> None:
    """Fail a photo that cannot be used, and return its credit."""
    sets_photos.fail(session, photo_id, cause, message)


def lock(session: Session, photo_id: int) -> None:
    """Lock the job of a photo."""
    sets_photos.lock_job_of(session, photo_id)
