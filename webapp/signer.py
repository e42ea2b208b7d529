"""The signer's own check of a signature, made when it is uploaded: the images come much later."""

import io

from PIL import Image

from gpu.signature.compose import compose
from gpu.signature.ink import BlankSignature, prepare_ink
from gpu.signature.placement import Size

GROUND = 512, 512  # the smallest image on sale, where a signature is drawn smallest
GREY = 128, 128, 128


def can_sign(drawing: bytes) -> bool:
    """Tell whether a PNG file leaves a mark on an image, as tasks will sign with it."""
    ground = Image.new("RGB", GROUND, GREY)
    try:
        with Image.open(io.BytesIO(drawing), formats=("PNG",)) as picture:
            ink = prepare_ink(picture)
        signed = compose(ground, ink, size=Size.SMALL).image
    except (OSError, BlankSignature):
        return False
    return signed.tobytes() != ground.tobytes()
