"""Apply rules: edit one photo at full size, watermark it on the free plan, store the result."""

import hashlib

from PIL import Image

from celery_config import TaskName
from failpoints import failpoint
from gpu.rules.watermark import watermarked
from tasks.on_cpu import editing, pictures
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, keep_lease, storage
from tasks.on_cpu.editing import edited
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError, InsufficientTokens
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.services import sets_edits, sets_restyles
from webapp.domain.services.sets_edits import EditedPhoto, EditInput
from webapp.domain.services.sets_restyles import CanvasStatus

RESTYLE_FAILED = "RESTYLE_FAILED"


@task(TaskName.APPLY_RULES)
def apply_rules(*, job_id: int) -> None:
    """Apply the rules of a job to one of its photos."""
    lease = claim(job_id, TaskName.APPLY_RULES)
    with attempt(lease):
        with unit_of_work() as session:
            edit = sets_edits.edit_input(session, lease)
            if edit.canvas_status is CanvasStatus.UNFINISHED:
                sets_restyles.wait(session, lease)
                return
        if edit.canvas_status is CanvasStatus.FAILED:
            raise AttemptFailed(RESTYLE_FAILED, "A part of the photo could not be painted.")
        if (
            edit.canvas_status is CanvasStatus.NOT_ORDERED
            and edit.has_restyles
            and _order_canvases(lease, edit)
        ):
            return  # the delivery of the last image makes this job due again
        result = edited(edit)
        keep_lease(lease)
        image = watermarked(result.image) if edit.has_watermark else result.image
        stored = _store(lease, image, result.missing)
        failpoint("after_put")
        with unit_of_work() as session:
            sets_edits.record_edited(session, lease, stored)


def _order_canvases(lease: Lease, edit: EditInput) -> bool:
    """Order the canvases of a photo; False when no part of it is painted in a style."""
    canvases = editing.canvases(lease, edit)
    if not canvases:
        return False
    failpoint("after_put")
    try:
        with unit_of_work() as session:
            sets_restyles.order(session, lease, canvases)
    except InsufficientTokens as error:
        raise AttemptFailed(error.code, "There were not enough tokens left to paint it.") from error
    except DomainError as error:
        raise AttemptFailed(
            RESTYLE_FAILED, f"The style could not be ordered: {error.code}."
        ) from error
    return True


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
