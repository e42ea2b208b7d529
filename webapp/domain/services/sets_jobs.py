"""Jobs of Sets: created for new photos or those of another job, arranged, canceled, retried."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from webapp.domain import jobs, pipelines, sets_settings
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.identifiers import public_id
from webapp.domain.image_errors import TooManyImages
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import (
    SegmentationStatus,
    SetsInstance,
    SetsSegmentation,
)
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.services import (
    sets_accounts,
    sets_credits,
    sets_photos,
    sets_restyle_checks,
    sets_uploads,
)
from webapp.domain.services.sets_job_states import (
    get_job_for_update,
    photos_of,
    refuse,
    wrong_state,
)
from webapp.domain.services.sets_rules import preset_of
from webapp.domain.services.sets_uploads import DeclaredPhoto
from webapp.domain.sets_errors import ConcurrencyLimit, CreditsExhausted, SourceJobUnavailable

RETENTION = timedelta(days=30)
RETRY_AFTER_SECONDS = 30  # until a job may have ended
CANCELABLE = (
    SetsJobStatus.CREATED,
    SetsJobStatus.UPLOADED,
    SetsJobStatus.QUEUED,
    SetsJobStatus.RUNNING,
)
OVER = (SetsJobStatus.DONE, SetsJobStatus.FAILED)
ARRANGEABLE = (*CANCELABLE, *OVER)
# The columns that are copied to a copy of an instance.
COPIED = ("concept", "number", "state", "source", "rule", "points", "mask_key", "box", "area")


@dataclass(frozen=True)
class Arrangement:
    """A change of one photo: its group or its position in the order; None does not change it."""

    idx: int
    group: str | None = None
    position: int | None = None


def create(
    session: Session,
    account: SetsAccount,
    *,
    preset_id: str,
    photos: Sequence[DeclaredPhoto],
    request_id: str,
) -> SetsJob:
    """Create a job for photos that will be uploaded, and reserve a credit for each.

    Raises NotFound for an unknown preset, ValidationFailed for an unknown group, the image error of
    invalid declarations; then TooManyImages, CreditsExhausted, ConcurrencyLimit.
    """
    preset = preset_of(preset_id)
    for idx, photo in enumerate(photos):
        sets_settings.check_group(preset, photo.group, path=f"files.{idx}.group")
    sets_uploads.check_declared(photos)
    account = _lock_with_capacity(session, account.id, len(photos))
    job = _add(session, account, preset.id, len(photos), request_id)
    rows = [sets_uploads.awaited_photo(job, idx, photo) for idx, photo in enumerate(photos)]
    session.add_all(rows)
    session.flush()
    sets_credits.reserve(session, job, rows, attempt=1)
    return job


def reuse(
    session: Session,
    account: SetsAccount,
    *,
    source_job_id: str,
    items: Sequence[int] | None,
    request_id: str,
    preset_id: str | None = None,
) -> SetsJob:
    """Create a job with the photos, masks and choices of another one, without upload and search.

    Without `items`, with all its decoded photos. `preset_id` is optional and must be that of the
    other job. Raises JobNotFound, ValidationFailed for another preset or an index that the job does
    not have, SourceJobUnavailable, TooManyImages, CreditsExhausted, ConcurrencyLimit.
    """
    source = get_job_for_update(session, account.id, source_job_id)
    if preset_id not in {None, source.preset_id}:
        problem = FieldProblem("The masks of these photos belong to another preset.")
        raise ValidationFailed(fields={"preset": [problem]})
    photos = _usable(session, source, items)
    account = _lock_with_capacity(session, account.id, len(photos))
    job = _add(session, account, source.preset_id, len(photos), request_id, source=source)
    copy_photos(session, photos, job)
    return job


def copy_photos(session: Session, photos: Sequence[SetsPhoto], job: SetsJob) -> None:
    """Copy photos with their instances to a job, and reserve a credit for each."""
    copies = [_copy(photo, job) for photo in photos]
    session.add_all(copies)
    session.flush()
    new_ids = {old.id: new.id for old, new in zip(photos, copies, strict=True)}
    instances = session.scalars(select(SetsInstance).where(SetsInstance.photo_id.in_(new_ids)))
    rows = [
        {name: getattr(each, name) for name in (*COPIED, "score")}
        | {"photo_id": new_ids[each.photo_id], "public_id": public_id("inst_")}
        for each in instances
    ]
    if rows:
        session.execute(insert(SetsInstance), rows)
    _copy_searches(session, new_ids)
    sets_credits.reserve(session, job, copies, attempt=1)


def arrange(
    session: Session, account: SetsAccount, job_id: str, changes: Sequence[Arrangement]
) -> int:
    """Change group and order of photos; return the number of changes.

    An earlier export does not change; the next one has the new order. Raises JobNotFound,
    AlreadyCanceled, InvalidTransition, and ValidationFailed for an unknown group or index.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "arrange", unless=ARRANGEABLE)
    preset = preset_of(job.preset_id)
    photos = {photo.idx: photo for photo in photos_of(session, job)}
    for number, change in enumerate(changes):
        path = f"changes.{number}"
        if change.idx not in photos:
            raise ValidationFailed(fields={f"{path}.idx": [sets_settings.NO_PHOTO]})
        photo = photos[change.idx]
        if change.group is not None:
            sets_settings.check_group(preset, change.group, path=f"{path}.group")
            photo.group = change.group
        if change.position is not None:
            photo.position = change.position
        photo.updated_at = jobs.NOW
    session.flush()
    _touch(session, job)
    return len(changes)


def cancel(session: Session, account: SetsAccount, job_id: str) -> None:
    """Cancel a job with its variants and return the credits of undelivered photos.

    Delivered results stay. A job that has ended keeps its status while its variants are canceled.
    Raises JobNotFound, AlreadyCanceled, and InvalidTransition if the job and its variants have
    ended.
    """
    job = get_job_for_update(session, account.id, job_id)
    # All jobs before the account, which the first returned credit locks.
    unfinished = _lock_unfinished_variants(session, job)
    if not (unfinished and job.status in OVER):
        refuse(job, "cancel", unless=CANCELABLE)
        unfinished.insert(0, job)
    for each in unfinished:
        cancel_locked(session, each)


def cancel_locked(session: Session, job: SetsJob) -> None:
    """Cancel an unfinished job whose row the caller has locked."""
    pipelines.advance_sets_job(session, job.id, SetsJobStatus.CANCELED, finished_at=jobs.NOW)
    for photo in photos_of(session, job):
        sets_photos.end(session, photo, PhotoStatus.CANCELED)


def retry(
    session: Session,
    account: SetsAccount,
    job_id: str,
    *,
    items: Sequence[int] | None,
    request_id: str,
) -> None:
    """Retry failed photos of an ended job, each for one credit; without `items`, all of them.

    They have a watermark if the plan of today has one. Raises JobNotFound, AlreadyCanceled,
    InvalidTransition for a job that has not ended, was purged or has no failed photo,
    ValidationFailed for a photo that did not fail or could not be decoded, CreditsExhausted and
    ConcurrencyLimit, and the errors of `sets_restyle_checks.check_again`.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "retry", unless=OVER)
    photos = _failed(session, job, items)
    account = sets_accounts.lock(session, account.id)
    _check_credits(account, len(photos))
    if job.parent_id is None:
        _check_concurrency(session, account)
    last = session.scalars(
        select(func.max(SetsEdit.attempt))
        .join(SetsPhoto, SetsPhoto.id == SetsEdit.photo_id)
        .where(SetsPhoto.job_id == job.id)
    ).one()
    sets_restyle_checks.check_again(session, account, job, photos)
    # One attempt number for all photos: the reservation is one credit entry.
    sets_credits.reserve(session, job, photos, attempt=(last or 0) + 1)
    pipelines.advance_sets_job(
        session,
        job.id,
        SetsJobStatus.RUNNING,
        finished_at=None,
        has_watermark=sets_accounts.limits_of(account, datetime.now(UTC)).has_watermark,
        request_id=request_id,
    )
    for photo in photos:
        pipelines.advance_photo(
            session, photo.id, PhotoStatus.QUEUED, failure_code=None, failure_message=None
        )
        sets_photos.enqueue_next_step(session, photo.id)


def new_job(account: SetsAccount, preset_id: str, item_count: int, request_id: str) -> SetsJob:
    """Return the row of a job, not yet in the database."""
    return SetsJob(
        public_id=public_id("job_"),
        account_id=account.id,
        preset_id=preset_id,
        item_count=item_count,
        has_watermark=sets_accounts.limits_of(account, datetime.now(UTC)).has_watermark,
        request_id=request_id,
        expires_at=jobs.NOW + RETENTION,
    )


def _add(
    session: Session,
    account: SetsAccount,
    preset_id: str,
    item_count: int,
    request_id: str,
    *,
    source: SetsJob | None = None,
) -> SetsJob:
    job = new_job(account, preset_id, item_count, request_id)
    if source is not None:
        job.source_job_id, job.status = source.id, SetsJobStatus.UPLOADED
    session.add(job)
    session.flush()
    return job


def _lock_with_capacity(session: Session, account_id: int, count: int) -> SetsAccount:
    """Lock an account and check that it may have another job with `count` photos; return it."""
    account = sets_accounts.lock(session, account_id)
    limits = sets_accounts.limits_of(account, datetime.now(UTC))
    if count > limits.max_photos:
        raise TooManyImages(count=count, max=limits.max_photos)
    _check_credits(account, count)
    _check_concurrency(session, account)
    return account


def _check_credits(account: SetsAccount, count: int) -> None:
    if account.credits < count:
        raise CreditsExhausted(required=count, available=account.credits)


def _check_concurrency(session: Session, account: SetsAccount) -> None:
    most = sets_accounts.limits_of(account, datetime.now(UTC)).max_active_jobs
    active = sets_accounts.active_jobs(session, account.id)
    if active >= most:
        raise ConcurrencyLimit(active=active, max=most, retry_after=RETRY_AFTER_SECONDS)


def _usable(session: Session, source: SetsJob, items: Sequence[int] | None) -> list[SetsPhoto]:
    """Return the photos of a source job that can be reused."""
    photos = photos_of(session, source)
    if items is not None:
        sets_settings.check_indexes(items, {photo.idx for photo in photos})
        photos = [photo for photo in photos if photo.idx in set(items)]
    if source.purged_at is not None or source.status == SetsJobStatus.CREATED:
        raise SourceJobUnavailable(reason="purged" if source.purged_at else source.status)
    unchecked = [photo.idx for photo in photos if photo.status == PhotoStatus.CHECKING]
    missing = [photo.idx for photo in photos if photo.photo_key is None or photo.is_purged]
    if unchecked or (missing and items is not None) or len(missing) == len(photos):
        raise SourceJobUnavailable(reason="photos", items=unchecked or missing)
    return [photo for photo in photos if photo.photo_key is not None and not photo.is_purged]


def _lock_unfinished_variants(session: Session, job: SetsJob) -> list[SetsJob]:
    """Lock the variants of a locked job, in the order of their ids; return the unfinished ones."""
    variants = session.scalars(
        select(SetsJob)
        .where(SetsJob.parent_id == job.id)
        .order_by(SetsJob.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return [variant for variant in variants if variant.status in CANCELABLE]


def _copy(photo: SetsPhoto, job: SetsJob) -> SetsPhoto:
    return SetsPhoto(
        job_id=job.id,
        status=PhotoStatus.READY,
        **{
            name: getattr(photo, name)
            for name in (
                "idx",
                "position",
                "group",
                "filename",
                "content_type",
                "declared_size",
                "upload_key",
                "sha256",
                "width",
                "height",
                "photo_key",
                "preview_key",
            )
        },
    )


def _copy_searches(session: Session, new_ids: dict[int, int]) -> None:
    """Copy the finished segmentation runs of the source photos to their copies."""
    runs = session.scalars(
        select(SetsSegmentation)
        .where(
            SetsSegmentation.photo_id.in_(new_ids),
            SetsSegmentation.status == SegmentationStatus.READY,
        )
        .order_by(SetsSegmentation.id)
    )
    rows = [
        {
            "photo_id": new_ids[run.photo_id],
            "concepts": run.concepts,
            "status": run.status,
            "finished_at": run.finished_at,
        }
        for run in runs
    ]
    if rows:
        session.execute(insert(SetsSegmentation), rows)


def _failed(session: Session, job: SetsJob, items: Sequence[int] | None) -> list[SetsPhoto]:
    photos = photos_of(session, job)
    retriable = [
        photo
        for photo in photos
        if photo.status == PhotoStatus.FAILED and photo.photo_key and not photo.is_purged
    ]
    if items is not None:
        by_idx = {photo.idx: photo for photo in retriable}
        for number, idx in enumerate(items):
            if idx not in by_idx:
                problem = FieldProblem("Must be a failed photo that can be retried.")
                raise ValidationFailed(fields={f"items.{number}": [problem]})
        retriable = [by_idx[idx] for idx in dict.fromkeys(items)]
    if not retriable:
        raise wrong_state(job, "retry", ())
    return retriable


def _touch(session: Session, job: SetsJob) -> None:
    job.updated_at = jobs.NOW
    session.flush()
    session.refresh(job)
