"""Validate: decode every uploaded work under limits, keep a clean copy, judge duplicates."""

from celery_config import TaskName
from tasks.on_cpu.step import begin, storage, verdict
from tasks.task import task
from webapp.domain import images
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import ObjectMissing
from webapp.domain.identifiers import object_key
from webapp.domain.services import training
from webapp.domain.services.training import Upload, Verdict

EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}


@task(TaskName.VALIDATE_UPLOADS)
def validate_uploads(*, job_id: int) -> None:
    """Judge the images of a style; ten valid ones go on to training."""
    lease = begin(job_id, TaskName.VALIDATE_UPLOADS)
    if lease is None:
        return
    with verdict(lease):
        with unit_of_work() as session:
            uploads = training.uploads_to_validate(session, lease)
        verdicts = _judge(uploads)
        with unit_of_work() as session:
            training.record_verdicts(session, lease, verdicts)
        for upload in uploads:
            storage().delete(upload.key)  # original bytes are never kept


def _judge(uploads: list[Upload]) -> list[Verdict]:
    """Return one verdict per upload; clean copies of the good ones are stored."""
    present = [(upload, data) for upload in uploads if (data := _fetch(upload.key)) is not None]
    decoded = images.sanitise_many_in_subprocess(
        [data for _, data in present], images.TRAINING_IMAGE
    )
    by_id = {
        upload.artwork_id: result for (upload, _), result in zip(present, decoded, strict=True)
    }
    verdicts: list[Verdict] = []
    kept: list[images.SafeImage] = []
    for upload in uploads:
        result = by_id.get(upload.artwork_id)
        if result is None:
            verdicts.append(Verdict(upload.artwork_id, code="IMAGE_CORRUPT"))
        elif isinstance(result, images.BadImage):
            verdicts.append(Verdict(upload.artwork_id, code=result.code))
        elif any(images.near(result.perceptual_hash, twin.perceptual_hash) for twin in kept):
            verdicts.append(Verdict(upload.artwork_id, code="DUPLICATE_IMAGE"))
        else:
            kept.append(result)
            verdicts.append(_keep(upload, result))
    return verdicts


def _fetch(key: str) -> bytes | None:
    info = storage().head(key)
    # A presigned PUT cannot limit size, so an oversized object is never read.
    if info is None or info.size > images.TRAINING_IMAGE.max_bytes:
        return None
    try:
        return storage().get(key)
    except ObjectMissing:
        return None


def _keep(upload: Upload, image: images.SafeImage) -> Verdict:
    extension = EXTENSIONS[image.format]
    key = object_key("artworks", extension)
    storage().put(key, image.data, content_type=f"image/{image.format.lower()}")
    return Verdict(
        upload.artwork_id,
        clean_key=key,
        width=image.width,
        height=image.height,
        sha256=image.sha256,
        perceptual_hash=image.perceptual_hash,
    )
