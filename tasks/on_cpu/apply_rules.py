"""Apply rules: edit one photo at its full size, mark it on the free plan, store the result."""

import hashlib

from PIL import Image

from celery_config import TaskName
from failpoints import failpoint
from gpu.rules.watermark import watermarked
from tasks.on_cpu import pictures
from tasks.on_cpu.editing import edited
from tasks.on_cpu.step import LeaseLost, begin, keep_lease, storage, verdict
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.services import sets_edits
from webapp.domain.services.sets_edits import EditedPhoto


@task(TaskName.APPLY_RULES)
def apply_rules(*, job_id: int) -> None:
    """Apply the rules of a job to one of its photos."""
    lease = begin(job_id, TaskName.APPLY_RULES)
    if lease is None:
        return
    with verdict(lease):
        with unit_of_work() as session:
            work = sets_edits.edit_work(session, lease)
        result = edited(work)
        try:
            keep_lease(lease)
        except LeaseLost:
            return  # whoever has the job now begins anew
        image = watermarked(result.image) if work.has_watermark else result.image
        stored = _store(lease, image, result.missing)
        failpoint("after_put")
        with unit_of_work() as session:
            sets_edits.record_edited(session, lease, stored)


def _store(lease: Lease, image: Image.Image, missing: tuple[str, ...]) -> EditedPhoto:
    """Put the result and its preview under keys of this lease."""
    data = pictures.png(image)
    folder = f"results/{lease.ref}-{lease.fence}"
    result_key, preview_key = object_key(folder, "png"), object_key(folder, "webp")
    storage().put(result_key, data, content_type="image/png")
    storage().put(preview_key, pictures.preview(image), content_type="image/webp")
    return EditedPhoto(
        result_key=result_key,
        preview_key=preview_key,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        missing=missing,
    )
