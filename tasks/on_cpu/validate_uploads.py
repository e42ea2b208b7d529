"""Validate: decode every uploaded artwork under limits, store a clean copy, find duplicates.

Of two artworks with equal pixels the second is rejected. A near duplicate is left out with a
warning and its clean copy stored, unless the artist accepts similar artworks.
"""

from collections.abc import Iterator
from dataclasses import replace

from celery_config import TaskName
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, keep_lease, storage
from tasks.task import task
from webapp.domain import image_processes, images
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import ObjectMissing, ObjectTooLarge
from webapp.domain.identifiers import object_key
from webapp.domain.image_processes import (
    DecoderBusy,
    DecoderUnavailable,
    ProcessLimits,
    sanitise_many_in_subprocess,
)
from webapp.domain.jobs import Lease
from webapp.domain.services import training
from webapp.domain.services.artworks import SIMILAR
from webapp.domain.services.training import Upload, Verdict

# Waiting for a decoder slot may take as long as decoding; both together fit into one lease.
LIMITS = ProcessLimits(wall_seconds=60, slot_seconds=45)
EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}


@task(TaskName.VALIDATE_UPLOADS)
def validate_uploads(*, job_id: int) -> None:
    """Check the images of a style; ten valid ones are enough for training."""
    lease = claim(job_id, TaskName.VALIDATE_UPLOADS)
    with attempt(lease):
        with unit_of_work() as session:
            uploads = training.uploads_to_validate(session, lease)
            artist_id = training.artist_of(session, lease.ref)
            accepts_similar = training.accepts_similar(session, lease)
        try:
            verdicts = _judge(lease, uploads, artist_id=artist_id, accepts_similar=accepts_similar)
        except (DecoderBusy, DecoderUnavailable) as error:
            raise AttemptFailed("TIMEOUT", str(error)) from error
        with unit_of_work() as session:
            is_recorded = training.record_verdicts(session, lease, verdicts)
        if not is_recorded:
            return  # the worker that has the job now needs the originals
        for upload in uploads:
            if not upload.is_clean:
                storage().delete(upload.key)  # original bytes are never kept


def _judge(
    lease: Lease, uploads: list[Upload], *, artist_id: int, accepts_similar: bool
) -> list[Verdict]:
    """Return one verdict per upload; clean copies of the good and the similar ones are stored.

    Raises DecoderBusy, DecoderUnavailable and LeaseLost.
    """
    # A presigned PUT cannot limit size, so an oversized object is never read.
    verdicts = {upload.artwork_id: _verdict_by_size(upload) for upload in uploads}
    readable = [upload for upload in uploads if verdicts[upload.artwork_id] is None]
    decoded = sanitise_many_in_subprocess(
        _fetched(lease, readable), person_id=artist_id, process_limits=LIMITS
    )
    seen: dict[str, int] = {}  # idx of the artwork by the hash of its pixels
    used: list[tuple[str, int]] = []  # perceptual hash and idx of each artwork in use
    for upload, result in zip(readable, decoded, strict=True):
        if isinstance(result, images.BadImage):
            verdict = Verdict(upload.artwork_id, code=result.code)
        elif result.pixel_sha256 in seen:
            twin = seen[result.pixel_sha256]
            verdict = Verdict(upload.artwork_id, code="DUPLICATE_IMAGE", twin_idx=twin)
        else:
            seen[result.pixel_sha256] = upload.idx
            twins = (idx for each, idx in used if images.are_near(result.perceptual_hash, each))
            verdict = replace(_store(upload, result), twin_idx=next(twins, None))
            if verdict.twin_idx is not None and not accepts_similar:
                verdict = replace(verdict, code=SIMILAR)
            else:
                used.append((result.perceptual_hash, upload.idx))
        verdicts[upload.artwork_id] = verdict
    return [verdict for verdict in verdicts.values() if verdict is not None]


def _fetched(lease: Lease, uploads: list[Upload]) -> Iterator[image_processes.Upload]:
    """Download one file after another and renew the lease before each: one may take a minute.

    Raises LeaseLost, and AttemptFailed for a replaced file: the next attempt checks it.
    """
    for upload in uploads:
        keep_lease(lease)
        try:
            data = storage().get(upload.key, max_bytes=images.TRAINING_IMAGE.max_bytes)
        except (ObjectMissing, ObjectTooLarge) as error:  # replaced since its size was read
            raise AttemptFailed("NETWORK", f"{upload.key} was replaced") from error
        yield image_processes.Upload(data, images.TRAINING_IMAGE)


def _verdict_by_size(upload: Upload) -> Verdict | None:
    info = storage().head(upload.key)
    if info is None:
        return Verdict(upload.artwork_id, code="IMAGE_CORRUPT")
    if info.size > images.TRAINING_IMAGE.max_bytes:
        return Verdict(upload.artwork_id, code="IMAGE_SIZE_EXCEEDED")
    return None


def _store(upload: Upload, image: images.SafeImage) -> Verdict:
    key = upload.key
    if not upload.is_clean:
        key = object_key("artworks", EXTENSIONS[image.format])
        storage().put(key, image.data, content_type=f"image/{image.format.lower()}")
    return Verdict(
        upload.artwork_id,
        clean_key=key,
        width=image.width,
        height=image.height,
        sha256=image.sha256,
        perceptual_hash=image.perceptual_hash,
    )
