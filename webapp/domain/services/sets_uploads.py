"""Uploads of a new job: photos are declared, uploaded directly to storage, and confirmed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import decoding_slots, images, pipelines
from webapp.domain.db import UnitOfWork
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.errors import ServiceUnavailable, UploadIncomplete
from webapp.domain.gateways.storage import ObjectMissing, ObjectTooLarge, Storage
from webapp.domain.identifiers import object_key
from webapp.domain.image_errors import IMAGE_ERRORS, ImageSizeExceeded, InvalidImageFormat
from webapp.domain.images import MEGABYTE, BadImage, ImageHeader, ImageLimits, RefusedImage
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services import sets_accounts, sets_photos
from webapp.domain.services.sets_job_states import get_job, get_job_for_update, refuse

SETS_PHOTO = ImageLimits(("JPEG", "PNG"), min_side=256, max_bytes=20 * MEGABYTE)
UPLOAD_TIME = timedelta(hours=1)
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}
# The type of a file that was declared without one, or as application/octet-stream.
UNDECLARED = "image/jpeg"
HEIC = "HEIC"
READERS = 4  # threads that read files of one confirmation, each of 20 MB at most
SLOT_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True)
class DeclaredPhoto:
    """One photo that will be uploaded; `size` in bytes, if the client declares it."""

    filename: str = ""
    size: int | None = None
    content_type: str = UNDECLARED
    group: str = ""


@dataclass(frozen=True)
class PhotoUpload:
    """The presigned upload of one photo; the client must send exactly these headers."""

    idx: int
    method: str
    url: str
    headers: dict[str, str]
    key: str
    expires_at: datetime


def check_declared(photos: Sequence[DeclaredPhoto]) -> None:
    """Raise the image error of photos with an invalid type or size; it lists all of them."""
    limits = SETS_PHOTO
    bad: list[RefusedImage] = []
    for idx, photo in enumerate(photos):
        is_heic = photo.filename.lower().endswith((".heic", ".heif"))
        if is_heic or photo.content_type not in EXTENSIONS:
            actual = HEIC if is_heic or "hei" in photo.content_type else photo.content_type
            formats = ", ".join(limits.formats)
            bad.append(_bad(idx, photo.filename, InvalidImageFormat.code, actual, formats))
        elif photo.size is not None and photo.size > limits.max_bytes:
            code = ImageSizeExceeded.code
            bad.append(_bad(idx, photo.filename, code, photo.size, limits.max_bytes))
    _refuse_bad(bad)


def awaited_photo(job: SetsJob, idx: int, declared: DeclaredPhoto) -> SetsPhoto:
    """Return the row of a declared photo."""
    return SetsPhoto(
        job_id=job.id,
        idx=idx,
        position=idx,
        group=declared.group,
        filename=declared.filename,
        content_type=declared.content_type,
        declared_size=declared.size,
        upload_key=object_key("uploads", EXTENSIONS[declared.content_type]),
    )


def upload_for(storage: Storage, photo: SetsPhoto) -> PhotoUpload:
    """Return a new presigned upload for a photo."""
    put = storage.presigned_put(
        photo.upload_key, content_type=photo.content_type, expires_in=UPLOAD_TIME
    )
    return PhotoUpload(
        idx=photo.idx,
        method=put.method,
        url=put.url,
        headers=dict(put.headers),
        key=photo.upload_key,
        expires_at=datetime.now(UTC) + UPLOAD_TIME,
    )


def confirm(
    unit_of_work: UnitOfWork, storage: Storage, *, account_id: int, job_id: str, request_id: str
) -> None:
    """Queue the checks of a job's photos if every file is uploaded and has a valid header.

    Raises UploadIncomplete with the missing files and new uploads; the image error of the first bad
    file, which lists all bad files; InvalidTransition, AlreadyCanceled and JobNotFound;
    ServiceUnavailable if all decoding slots are busy. Then the job does not change.
    """
    with unit_of_work() as session:
        job = get_job(session, account_id, job_id)
        refuse(job, "confirm-upload", unless=[SetsJobStatus.CREATED])
        photos = _of(session, job)
    headers = _inspected(storage, account_id, photos)
    with unit_of_work() as session:
        sets_accounts.lock_active(session, account_id)
        job = get_job_for_update(session, account_id, job_id)
        refuse(job, "confirm-upload", unless=[SetsJobStatus.CREATED])
        pipelines.advance_sets_job(session, job.id, SetsJobStatus.UPLOADED, request_id=request_id)
        for photo, header in zip(_of(session, job), headers, strict=True):
            photo.sha256 = header.sha256
            photo.width, photo.height = header.width, header.height
            session.flush()
            sets_photos.check(session, photo)


def _of(session: Session, job: SetsJob) -> list[SetsPhoto]:
    query = select(SetsPhoto).where(SetsPhoto.job_id == job.id).order_by(SetsPhoto.idx)
    return list(session.scalars(query))


def _inspected(storage: Storage, account_id: int, photos: Sequence[SetsPhoto]) -> list[ImageHeader]:
    """Return the headers of all files, in the order of the photos."""
    headers = _headers(storage, account_id, photos)
    missing = [photo for photo, header in zip(photos, headers, strict=True) if header is None]
    if missing:
        raise UploadIncomplete(
            missing=[photo.idx for photo in missing], uploads=_uploads(storage, missing)
        )
    wrong = [
        (photo, error)
        for photo, error in zip(photos, headers, strict=True)
        if isinstance(error, BadImage)
    ]
    bad = [
        _bad(photo.idx, photo.filename, error.code, error.actual, error.limit)
        for photo, error in wrong
    ]
    _refuse_bad(bad, uploads=_uploads(storage, [photo for photo, _ in wrong]))
    return [header for header in headers if isinstance(header, ImageHeader)]


def _headers(
    storage: Storage, account_id: int, photos: Sequence[SetsPhoto]
) -> list[ImageHeader | BadImage | None]:
    """Read all files with READERS threads, within the memory budget of `decoding_slots`."""
    try:
        with (
            decoding_slots.slot(-account_id, READERS * SETS_PHOTO.max_bytes, SLOT_SECONDS),
            ThreadPoolExecutor(READERS) as readers,
        ):
            return list(readers.map(lambda photo: _header(storage, photo), photos))
    except DecoderBusy as error:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error


def _header(storage: Storage, photo: SetsPhoto) -> ImageHeader | BadImage | None:
    """Return the header of an uploaded file, its error, or None if it is not uploaded."""
    stored = storage.head(photo.upload_key)
    if stored is None:
        return None
    if stored.size > SETS_PHOTO.max_bytes:  # check before the file is read into memory
        return BadImage(images.ImageCode.TOO_HEAVY, stored.size, SETS_PHOTO.max_bytes)
    try:
        data = storage.get(photo.upload_key, max_bytes=SETS_PHOTO.max_bytes)
        return images.inspect(data, SETS_PHOTO)
    except ObjectMissing:
        return None
    except ObjectTooLarge:  # replaced after the `head`
        limit = SETS_PHOTO.max_bytes
        return BadImage(images.ImageCode.TOO_HEAVY, limit + 1, limit)
    except BadImage as bad:
        return bad


def _uploads(storage: Storage, photos: Sequence[SetsPhoto]) -> list[PhotoUpload]:
    return [upload_for(storage, photo) for photo in photos]


def _bad(
    idx: int, filename: str, code: str, actual: int | str | None, limit: int | str | None
) -> RefusedImage:
    return {"idx": idx, "filename": filename, "code": code, "actual": actual, "limit": limit}


def _refuse_bad(bad: Sequence[RefusedImage], uploads: Sequence[PhotoUpload] | None = None) -> None:
    if not bad:
        return
    code = bad[0]["code"]
    again = {} if uploads is None else {"uploads": uploads}
    raise IMAGE_ERRORS[code](images=bad, **SETS_PHOTO.allowed(code), **again)
