"""Sign pictures with the signature settings of their artist: ordered images and samples."""

import hashlib
import io

from PIL import Image

from gpu.signature.compose import compose
from gpu.signature.ink import BlankSignature, prepare_ink
from gpu.signature.placement import Position, Size
from tasks.on_cpu.attempt import AttemptFailed, storage
from webapp.domain.gateways.storage import ObjectMissing
from webapp.domain.services.signatures import ArtistSignature


def read_verified(key: str, sha256: str, *, missing: str, changed: str) -> bytes:
    """Return a stored object after comparing its hash with the recorded one.

    Raises AttemptFailed with the cause `missing` or `changed`.
    """
    try:
        data = storage().get(key)
    except ObjectMissing as error:
        raise AttemptFailed(missing, f"{key} is missing") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise AttemptFailed(changed, f"{key} has another hash than recorded")
    return data


def open_png(data: bytes) -> Image.Image:
    """Decode one of our own PNG files. Raises OSError."""
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    image.load()
    return image


def sign(pictures: list[Image.Image], signature: ArtistSignature) -> list[Image.Image]:
    """Return the pictures with the artist's signature on them.

    Raises AttemptFailed SIGNATURE_FAILED when the signature is missing, blank or changed.
    """
    failed = "SIGNATURE_FAILED"
    drawing = read_verified(signature.key, signature.sha256, missing=failed, changed=failed)
    try:
        ink = prepare_ink(open_png(drawing))
    except (OSError, BlankSignature) as error:
        raise AttemptFailed(failed, str(error)) from error
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
