"""Masks of a photo: encoding as PNG of one bit, measurement, comparison and dilation."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gpu.rules import morphology
from gpu.rules.colour import Mask
from gpu.rules.edges import GROWTH


class InvalidMask(ValueError):
    """Bytes that are not a mask of this photo."""


@dataclass(frozen=True)
class EncodedMask:
    """A mask as a PNG of one bit per pixel, in the size (width, height) of the upright photo."""

    png: bytes
    width: int
    height: int

    def decode(self) -> Mask:
        """The mask, (height, width).

        Raises InvalidMask for damaged bytes and for another size, before a pixel is decoded.
        """
        try:
            image = Image.open(io.BytesIO(self.png), formats=("PNG",))
            if image.size == (self.width, self.height) and image.mode == "1":
                return np.asarray(image)
        except Exception as error:
            # Decoders raise many types: OSError, SyntaxError, ValueError, struct.error.
            raise InvalidMask(f"cannot be decoded: {error}") from error
        raise InvalidMask(f"need {self.width} × {self.height} bits, not {image.size} {image.mode}")


def encode_mask(mask: Mask) -> EncodedMask:
    """A mask (H, W) as PNG; a photo's mask takes a few kilobytes."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG", optimize=False, compress_level=6)
    return EncodedMask(stream.getvalue(), mask.shape[1], mask.shape[0])


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, width and height of the true pixels of a mask; zeros if there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, 0, 0
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def intersection_over_union(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks of one size, 0–1; 1 for two empty masks."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def grown(mask: Mask, pixels: int = GROWTH) -> Mask:
    """The mask, dilated by a number of pixels.

    Rules change pixels inside their mask only, but lens and sensor mix colours across edges. So
    masks are dilated by two pixels before rules are applied.
    """
    return morphology.grown(mask, pixels)
