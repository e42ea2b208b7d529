"""Stamp: mark and sign the raw image, embed its licence, store it, delete the raw image.

The order is fixed: the watermark, over which the signature lies undisturbed; the signature; then
the files, with their metadata; then Content Credentials, which cover all bytes of a file. These are
random, so each attempt makes another file; key and hash of the stored one are recorded together.
"""

import hashlib

from PIL import Image

from celery_config import TaskName
from failpoints import failpoint
from gpu.signature import likeness, watermark
from gpu.signature.credentials import Signer
from gpu.signature.embed import Provenance, embed, thumbnail
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, storage
from tasks.on_cpu.content_credentials import add_credentials, require_signer
from tasks.on_cpu.signing import open_png, read_verified, sign
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.models.license import hash_digits
from webapp.domain.services import stamping, watermarks
from webapp.domain.services.stamping import StampedImage, StampInput

PREVIEW_SIDE = 768
THUMBNAIL_SIDE = 256
PNG = "image/png"
WEBP = "image/webp"


@task(TaskName.STAMP_SIGNATURE)
def stamp_signature(*, job_id: int) -> None:
    """Mark and sign the raw image of a job; without both an image is never delivered."""
    signer = require_signer()
    lease = claim(job_id, TaskName.STAMP_SIGNATURE)
    with attempt(lease):
        with unit_of_work() as session:
            stamp = stamping.stamp_input(session, lease)
        stamped = _store(stamp, _signed(stamp), signer)
        failpoint("after_put")
        with unit_of_work() as session:
            is_recorded = stamping.record_stamped(session, lease, stamped)
        if is_recorded and not stamp.is_canvas:
            storage().delete(stamp.raw_key)


def _signed(stamp: StampInput) -> Image.Image:
    """Return the raw image with its watermark, and the artist's signature over it."""
    raw = read_verified(stamp.raw_key, stamp.raw_sha256, missing="NETWORK", changed="NETWORK")
    try:
        image = open_png(raw)
    except OSError as error:
        raise AttemptFailed("SIGNATURE_FAILED", str(error)) from error
    return sign([_marked(stamp, image)], stamp.signature)[0]


def _marked(stamp: StampInput, image: Image.Image) -> Image.Image:
    """Return the image with its watermark. Raises AttemptFailed SIGNATURE_FAILED without its key.

    Every offered aspect ratio is large enough for a mark.
    """
    number, key_number = stamp.watermark.number, stamp.watermark.key_number
    key = watermarks.keys().get(key_number)
    if key is None:
        message = f"WATERMARK_KEYS of this worker has no key {key_number}"
        raise AttemptFailed("SIGNATURE_FAILED", message)
    return watermark.embed(image.convert("RGB"), number, key)


def _store(stamp: StampInput, signed: Image.Image, signer: Signer) -> StampedImage:
    provenance = _provenance(stamp)
    data = add_credentials(embed(signed, provenance), PNG, stamp, signer)
    preview = add_credentials(thumbnail(signed, PREVIEW_SIDE, provenance), WEBP, stamp, signer)
    small = thumbnail(signed, THUMBNAIL_SIDE, provenance)
    image_key = object_key("images", "png")
    preview_key = object_key("previews", "webp")
    thumbnail_key = object_key("thumbnails", "webp")
    storage().put(image_key, data, content_type=PNG)
    storage().put(preview_key, preview, content_type=WEBP)
    storage().put(thumbnail_key, small, content_type=WEBP)
    return StampedImage(
        image_key=image_key,
        preview_key=preview_key,
        thumbnail_key=thumbnail_key,
        image_sha256=hashlib.sha256(data).hexdigest(),
        preview_sha256=hashlib.sha256(preview).hexdigest(),
        thumbnail_sha256=hashlib.sha256(small).hexdigest(),
        image_size=len(data),
        perceptual_hash=hash_digits(likeness.perceptual_hash(signed)),
    )


def _provenance(stamp: StampInput) -> Provenance:
    return Provenance(
        creator=stamp.artist_name,
        rights=f"© {stamp.artist_name}. Licensed, {stamp.license_type} use. Made with AI.",
        usage_terms=f"{stamp.license_type} licence; see {stamp.certificate_url}",
        description=f"An AI-generated image in the style “{stamp.style_name}” "
        f"by {stamp.artist_name}",
        credit=f"{stamp.artist_name} / Style License",
        licensor_url=stamp.style_url,
        certificate_url=stamp.certificate_url,
        artist_id=stamp.artist_id,
        style_id=stamp.style_id,
        generation_id=stamp.generation_id,
        licence_id=stamp.license_public_id,
        created=stamp.created_at,
    )
