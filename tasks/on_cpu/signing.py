"""Signing pictures as their artist chose: the one way for images and for samples."""

import hashlib
import io

from PIL import Image

from gpu.signature.compose import compose
from gpu.signature.ink import BlankSignature, prepare_ink
from gpu.signature.placement import Position, Size
from tasks.on_cpu.step import StepError, storage
from webapp.domain.gateways.storage import ObjectMissing
from webapp.domain.services.signatures import ArtistSignature


def read_proven(key: str, sha256: str, *, missing: str, changed: str) -> bytes:
    """Return a stored object, whose hash must be the recorded one.

    Raises StepError with the cause `missing` or `changed`.
    """
    try:
        data = storage().get(key)
    except ObjectMissing as error:
        raise StepError(missing, f"{key} is missing") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StepError(changed, f"{key} is not what was recorded")
    return data


def open_png(data: bytes) -> Image.Image:
    """Decode one of our own PNG files; raises OSError when it is none."""
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    image.load()
    return image


def sign(pictures: list[Image.Image], signature: ArtistSignature) -> list[Image.Image]:
    """Return the pictures with the artist's signature on them.

    Raises StepError SIGNATURE_FAILED when the signature is missing, blank or not the recorded one.
    """
    failed = "SIGNATURE_FAILED"
    drawing = read_proven(signature.key, signature.sha256, missing=failed, changed=failed)
    try:
        ink = prepare_ink(open_png(drawing))
    except (OSError, BlankSignature) as error:
        raise StepError(failed, str(error)) from error
    return [
        compose(
            picture.convert("RGB"),
            ink,
            position=Position(signature.position),
            size=Size(signature.size),
            opacity=signature.opacity,
        ).image
        for picture in pictures
    ]
