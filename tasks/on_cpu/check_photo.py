"""Check a photo: decode the upload in a subprocess, store its exact pixels and a preview."""

import hashlib
from dataclasses import replace

from celery_config import TaskName
from failpoints import failpoint
from tasks.on_cpu import pictures
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, storage
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import ObjectMissing, ObjectTooLarge
from webapp.domain.identifiers import object_key
from webapp.domain.image_processes import (
    DecoderBusy,
    DecoderUnavailable,
    ProcessLimits,
    sanitise_in_subprocess,
)
from webapp.domain.images import BadImage, ImageCode, SafeImage
from webapp.domain.services import sets_checks
from webapp.domain.services.sets_checks import CheckedPhoto, UploadedPhoto
from webapp.domain.services.sets_uploads import SETS_PHOTO

PHOTO = replace(SETS_PHOTO, is_exact=True)
CHANGED = "FILE_CHANGED"
# Both fit into one lease of a step.
LIMITS = ProcessLimits(wall_seconds=60, slot_seconds=45)


@task(TaskName.CHECK_PHOTO)
def check_photo(*, job_id: int) -> None:
    """Check the uploaded file of a photo; a valid one continues as its job requests."""
    lease = claim(job_id, TaskName.CHECK_PHOTO)
    with attempt(lease):
        with unit_of_work() as session:
            upload = sets_checks.uploaded_photo(session, lease)
        checked = _store(_decoded(upload), f"{lease.ref}-{lease.fence}")
        failpoint("after_put")
        with unit_of_work() as session:
            is_recorded = sets_checks.record(session, lease, checked)
        if is_recorded:
            storage().delete(upload.upload_key)  # original bytes are never kept


def _decoded(upload: UploadedPhoto) -> SafeImage:
    """Return the photo of an upload. Raises AttemptFailed with the code of the defect."""
    data = _uploaded_bytes(upload)
    try:
        return sanitise_in_subprocess(
            data,
            PHOTO,
            person_id=upload.account_id,
            keep_alpha=True,
            process_limits=LIMITS,
        )
    except BadImage as bad:
        raise AttemptFailed(bad.code, _problem(bad)) from bad
    except (DecoderBusy, DecoderUnavailable) as error:
        raise AttemptFailed("TIMEOUT", "The photo could not be decoded in time.") from error


def _problem(bad: BadImage) -> str:
    """Return what is wrong with a file, in words for its owner."""
    actual, limit = bad.actual, bad.limit
    if actual is None or limit is None:
        is_blank = bad.code is ImageCode.BLANK
        return "The photo has one colour only." if is_blank else "The file is damaged."
    texts = {
        ImageCode.INVALID_FORMAT: f"The format {actual} is not accepted; {limit} are.",
        ImageCode.TOO_HEAVY: f"The file has {actual} bytes; {limit} are allowed.",
        ImageCode.TOO_SMALL: f"The photo has {actual} pixels; at least {limit} are needed.",
        ImageCode.TOO_MANY_PIXELS: f"The photo has {actual} pixels; {limit} are allowed.",
        ImageCode.TOO_LONG: f"The photo has {actual} pixels; the longest ratio is {limit}.",
    }
    return texts.get(bad.code, "The file is damaged.")


def _uploaded_bytes(upload: UploadedPhoto) -> bytes:
    # A presigned PUT cannot limit size, so an oversized object is never read.
    info = storage().head(upload.upload_key)
    if info is None:
        raise AttemptFailed(ImageCode.CORRUPT, "The file is not there.")
    if info.size > PHOTO.max_bytes:
        raise AttemptFailed(
            ImageCode.TOO_HEAVY, f"The file has {info.size} bytes; {PHOTO.max_bytes} are allowed."
        )
    try:
        data = storage().get(upload.upload_key, max_bytes=PHOTO.max_bytes)
    except ObjectTooLarge as error:
        raise AttemptFailed(CHANGED, "The file is not the one that was confirmed.") from error
    except ObjectMissing as error:
        raise AttemptFailed(ImageCode.CORRUPT, "The file is not there.") from error
    if hashlib.sha256(data).hexdigest() != upload.sha256:
        raise AttemptFailed(CHANGED, "The file is not the one that was confirmed.")
    return data


def _store(photo: SafeImage, owner: str) -> CheckedPhoto:
    """Put the photo and its preview under fresh keys."""
    folder = f"photos/{owner}"
    photo_key, preview_key = object_key(folder, "png"), object_key(folder, "webp")
    storage().put(photo_key, photo.data, content_type="image/png")
    small = pictures.preview(pictures.opened_png(photo.data, photo_key))
    storage().put(preview_key, small, content_type="image/webp")
    return CheckedPhoto(photo_key, preview_key, photo.width, photo.height)
