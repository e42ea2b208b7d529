"""Validate: decode every uploaded work under limits, keep a clean copy, judge twins.

Equal pixels refuse the second work. One that is only nearly the same is left out with a warning,
and its clean copy kept, unless its artist has said that such works are all to be used.
"""

from dataclasses import replace

from celery_config import TaskName
from tasks.on_cpu.step import begin, storage, verdict
from tasks.task import task
from webapp.domain import image_processes, images
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.image_processes import sanitise_many_in_subprocess
from webapp.domain.services import training
from webapp.domain.services.artworks import SIMILAR
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
            accepts_similar = training.accepts_similar(session, lease)
        verdicts = _judge(uploads, accepts_similar=accepts_similar)
        with unit_of_work() as session:
            is_mine = training.record_verdicts(session, lease, verdicts)
        if not is_mine:
            return  # whoever has the job now still needs the originals
        for upload in uploads:
            if not upload.is_clean:
                storage().delete(upload.key)  # original bytes are never kept


def _judge(uploads: list[Upload], *, accepts_similar: bool) -> list[Verdict]:
    """Return one verdict per upload; clean copies of the good and the similar ones are stored."""
    # A presigned PUT cannot limit size, so an oversized object is never read.
    verdicts = {upload.artwork_id: _verdict_by_size(upload) for upload in uploads}
    readable = [upload for upload in uploads if verdicts[upload.artwork_id] is None]
    decoded = sanitise_many_in_subprocess(
        image_processes.Upload(storage().get(upload.key), images.TRAINING_IMAGE)
        for upload in readable
    )
    seen: dict[str, int] = {}  # pixels, and which work has them
    used: list[tuple[str, int]] = []  # perceptual hashes, and whose they are
    for upload, result in zip(readable, decoded, strict=True):
        if isinstance(result, images.BadImage):
            judged = Verdict(upload.artwork_id, code=result.code)
        elif result.pixel_sha256 in seen:
            twin = seen[result.pixel_sha256]
            judged = Verdict(upload.artwork_id, code="DUPLICATE_IMAGE", twin_idx=twin)
        else:
            seen[result.pixel_sha256] = upload.idx
            twins = (idx for each, idx in used if images.near(result.perceptual_hash, each))
            judged = replace(_keep(upload, result), twin_idx=next(twins, None))
            if judged.twin_idx is not None and not accepts_similar:
                judged = replace(judged, code=SIMILAR)
            else:
                used.append((result.perceptual_hash, upload.idx))
        verdicts[upload.artwork_id] = judged
    return [judged for judged in verdicts.values() if judged is not None]


def _verdict_by_size(upload: Upload) -> Verdict | None:
    info = storage().head(upload.key)
    if info is None:
        return Verdict(upload.artwork_id, code="IMAGE_CORRUPT")
    if info.size > images.TRAINING_IMAGE.max_bytes:
        return Verdict(upload.artwork_id, code="IMAGE_SIZE_EXCEEDED")
    return None


def _keep(upload: Upload, image: images.SafeImage) -> Verdict:
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
