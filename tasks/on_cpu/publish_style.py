"""Publish: prove the adapter is the one that was trained, sign its samples, put it on sale."""

from PIL import Image

from celery_config import TaskName
from gpu.signature.embed import thumbnail
from tasks.on_cpu.signing import open_png, read_proven, sign
from tasks.on_cpu.step import StepError, begin, storage, verdict
from tasks.task import task
from webapp.domain import style_files
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
        _prove(publication.adapter_key, publication.adapter_sha256)
        samples = _signed_samples(publication)
        sample_keys = [_put(sample, SAMPLE_SIDE, "samples") for sample in samples]
        thumbnail_key = _put(samples[-1], THUMBNAIL_SIDE, "thumbnails")
        with unit_of_work() as session:
            training.publish(
                session, publication, sample_keys=sample_keys, thumbnail_key=thumbnail_key
            )


def _prove(key: str, sha256: str) -> None:
    """Raise StepError unless the adapter is the one that was trained and all numbers are finite."""
    adapter = read_proven(key, sha256, missing="NETWORK", changed="ADAPTER_MISMATCH")
    try:
        style_files.inspect(adapter)
    except style_files.NonFiniteStyleFile as error:
        raise StepError("TRAINING_DIVERGED", f"{key}: {error}") from error
    except style_files.DamagedStyleFile as error:
        raise StepError("ADAPTER_MISMATCH", f"{key}: {error}") from error


def _signed_samples(publication: Publication) -> list[Image.Image]:
    """Return the samples with the artist's signature, since they will be public."""
    try:
        samples = [open_png(storage().get(key)) for key in publication.sample_keys]
    except (OSError, ObjectMissing) as error:
        raise StepError("NETWORK", f"A sample cannot be read: {error}") from error
    return sign(samples, publication.signature)


def _put(image: Image.Image, side: int, kind: str) -> str:
    key = object_key(kind, "webp")
    storage().put(key, thumbnail(image, side), content_type=WEBP)
    return key
