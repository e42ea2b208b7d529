"""Publish: verify the trained adapters, sign their samples, set the style trained or on sale."""

from collections.abc import Sequence

from PIL import Image

from celery_config import TaskName
from gpu.signature.embed import thumbnail
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, storage
from tasks.on_cpu.signing import open_png, read_verified, sign
from tasks.task import task
from webapp.domain import style_files
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import ObjectMissing
from webapp.domain.identifiers import object_key
from webapp.domain.services import training
from webapp.domain.services.checkpoints import SignedSamples
from webapp.domain.services.signatures import ArtistSignature
from webapp.domain.services.training import Unproved

SAMPLE_SIDE = 768
BASE_SAMPLE_SIDE = 384  # shown beside a sample, never alone
THUMBNAIL_SIDE = 256
WEBP = "image/webp"


@task(TaskName.PUBLISH_STYLE)
def publish_style(*, job_id: int) -> None:
    """Show a trained style to its artist, or put it on sale if the artist requested that."""
    lease = claim(job_id, TaskName.PUBLISH_STYLE)
    with attempt(lease):
        with unit_of_work() as session:
            publication = training.publication(session, lease)
        base_samples = _stored_base_samples(publication.checkpoints)
        signed = {
            checkpoint.checkpoint_id: _signed(checkpoint, publication.signature, base_samples)
            for checkpoint in publication.checkpoints
        }
        with unit_of_work() as session:
            training.publish(session, publication, signed)


def _verify(key: str, sha256: str) -> None:
    """Raise AttemptFailed unless the hash is the recorded one and all numbers are finite."""
    adapter = read_verified(key, sha256, missing="NETWORK", changed="ADAPTER_MISMATCH")
    try:
        style_files.inspect(adapter)
    except style_files.NonFiniteStyleFile as error:
        raise AttemptFailed("TRAINING_DIVERGED", f"{key}: {error}") from error
    except style_files.DamagedStyleFile as error:
        raise AttemptFailed("ADAPTER_MISMATCH", f"{key}: {error}") from error


def _stored_base_samples(checkpoints: Sequence[Unproved]) -> dict[str, str]:
    """Store each base sample once, since checkpoints share them; map the uploaded keys."""
    uploaded = {key for checkpoint in checkpoints for key in checkpoint.base_sample_keys}
    return {key: _put(_read(key), BASE_SAMPLE_SIDE, "samples") for key in sorted(uploaded)}


def _signed(
    checkpoint: Unproved, signature: ArtistSignature, base_samples: dict[str, str]
) -> SignedSamples:
    """Verify an adapter and store its samples with the artist's signature: they may be public."""
    _verify(checkpoint.adapter_key, checkpoint.adapter_sha256)
    signed = sign([_read(key) for key in checkpoint.sample_keys], signature)
    return SignedSamples(
        sample_keys=[_put(sample, SAMPLE_SIDE, "samples") for sample in signed],
        thumbnail_keys=[_put(sample, THUMBNAIL_SIDE, "thumbnails") for sample in signed],
        base_sample_keys=[base_samples[key] for key in checkpoint.base_sample_keys],
    )


def _read(key: str) -> Image.Image:
    try:
        return open_png(storage().get(key))
    except (OSError, ObjectMissing) as error:
        raise AttemptFailed("NETWORK", f"A sample cannot be read: {error}") from error


def _put(image: Image.Image, side: int, kind: str) -> str:
    key = object_key(kind, "webp")
    storage().put(key, thumbnail(image, side), content_type=WEBP)
    return key
