"""Reduce an artwork that its artist shows: a small copy without metadata, never the upload."""

import io

from PIL import Image

from celery_config import TaskName
from failpoints import failpoint
from gpu.signature.embed import thumbnail
from tasks.on_cpu.attempt import AttemptFailed, LeaseLost, attempt, claim, storage
from tasks.on_cpu.pictures import read
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.services import shown_artworks

PREVIEW_SIDE = 640  # pixels: enough to look at, little to print


@task(TaskName.PREVIEW_ARTWORK)
def preview_artwork(*, job_id: int) -> None:
    """Make and store the preview of one chosen artwork."""
    lease = claim(job_id, TaskName.PREVIEW_ARTWORK)
    with attempt(lease):
        with unit_of_work() as session:
            source_key = shown_artworks.source_key(session, lease)
        if source_key is None:
            raise LeaseLost
        image = _reduced(read(source_key), source_key)
        key = object_key("artwork-previews", "webp")
        storage().put(key, thumbnail(image, PREVIEW_SIDE), content_type="image/webp")
        failpoint("after_put")
        with unit_of_work() as session:
            shown_artworks.record(
                session, lease, preview_key=key, width=image.width, height=image.height
            )


def _reduced(data: bytes, key: str) -> Image.Image:
    """Decode the clean copy of an artwork. Raises AttemptFailed NETWORK when it is damaged."""
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG")).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise AttemptFailed("NETWORK", f"{key} is damaged") from error
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    return image
