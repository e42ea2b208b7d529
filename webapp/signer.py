"""Checks a signature when it is uploaded, with the code that will sign the images."""

import io

from PIL import Image

from gpu.signature.compose import compose
from gpu.signature.ink import BlankSignature, prepare_ink
from gpu.signature.placement import Size

GROUND = 512, 512  # the smallest size of images: a signature is smallest on it
GREY = 128, 128, 128


def can_sign(drawing: bytes) -> bool:
    """Return whether a signature (PNG) changes pixels of an image when it is signed with it."""
    ground = Image.new("RGB", GROUND, GREY)
    try:
        with Image.open(io.BytesIO(drawing), formats=("PNG",)) as picture:
            ink = prepare_ink(picture)
        signed = compose(ground, ink, size=Size.SMALL).image
    except (OSError, BlankSignature):
        return False
    return signed.tobytes() != ground.tobytes()
