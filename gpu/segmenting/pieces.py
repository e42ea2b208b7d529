"""Connected components and morphological opening of masks."""

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask


def opened(mask: Mask, size: int) -> Mask:
    """Opening: a mask without structures narrower than `size` pixels, an odd number."""
    least = ndimage.minimum_filter(mask.view(np.uint8), size, mode="nearest")
    wide: Mask = ndimage.maximum_filter(least, size, mode="nearest").view(np.bool_)
    return wide & mask


def pieces_of(mask: Mask, least: float) -> tuple[Mask, ...]:
    """The connected components of at least `least` pixels, the largest first."""
    pieces, count = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    areas[0] = 0
    order = np.argsort(-areas, kind="stable")
    return tuple(pieces == piece for piece in order if areas[piece] >= max(1.0, least))
