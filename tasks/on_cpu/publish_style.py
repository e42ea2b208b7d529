"""Publish: prove the adapter is the one that was trained, sign its samples, put it on sale."""

import hashlib
import io

from PIL import Image

from celery_config import TaskName
from gpu.signature.compose import compose
from gpu.signature.embed import thumbnail
from gpu.signature.ink import BlankSignature, prepare_ink
from gpu.signature.placement import Position, Size
from tasks.on_cpu.step import StepError, begin, storage, verdict
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import ObjectMissing
from webapp.domain.identifiers import object_key
from webapp.domain.services import training
from webapp.domain.services.training import Publication

SAMPLE_SIDE = 768
THUMBNAIL_SIDE = 256
WEBP = "image/webp"


@task(TaskName.PUBLISH_STYLE)
def publish_style(*, job_id: int) -> None:
    """Put a trained style on sale."""
    lease = begin(job_id, TaskName.PUBLISH_STYLE)
    if lease is None:
        return
    with verdict(lease):
        with unit_of_work() as session:
            publication = training.publication(session, lease)
        _prove_adapter(publication)
        samples = _signed_samples(publication)
        sample_keys = [_put(sample, SAMPLE_SIDE, "samples") for sample in samples]
        thumbnail_key = _put(samples[-1], THUMBNAIL_SIDE, "thumbnails")
        with unit_of_work() as session:
            training.publish(
                session, publication, sample_keys=sample_keys, thumbnail_key=thumbnail_key
            )


def _prove_adapter(publication: Publication) -> None:
    try:
        adapter = storage().get(publication.adapter_key)
    except ObjectMissing as error:
        raise StepError("NETWORK", "The adapter is missing.") from error
    if hashlib.sha256(adapter).hexdigest() != publication.adapter_sha256:
        raise StepError("ADAPTER_MISMATCH", "The adapter is not the one that was trained.")


def _signed_samples(publication: Publication) -> list[Image.Image]:
    """Return the samples with the artist's signature, since they will be public."""
    try:
        ink = prepare_ink(_open(publication.signature_key))
    except (BlankSignature, OSError, ObjectMissing) as error:
        raise StepError("SIGNATURE_FAILED", str(error)) from error
    try:
        return [
            compose(
                _open(key).convert("RGB"),
                ink,
                position=Position(publication.signature_position),
                size=Size(publication.signature_size),
                opacity=publication.signature_opacity,
            ).image
            for key in publication.sample_keys
        ]
    except (OSError, ObjectMissing) as error:
        raise StepError("NETWORK", f"A sample cannot be read: {error}") from error


def _open(key: str) -> Image.Image:
    image = Image.open(io.BytesIO(storage().get(key)), formats=("PNG",))
    image.load()
    return image


def _put(image: Image.Image, side: int, kind: str) -> str:
    key = object_key(kind, "webp")
    storage().put(key, thumbnail(image, side), content_type=WEBP)
    return key
