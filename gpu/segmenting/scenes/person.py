"""A simulated person who clicks into the middle of the largest mistake of a mask."""

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.clicks import Click

_MOST_SIDE = 400  # pixels that mistakes are looked for on


def next_click(current_mask: Mask, truth: Mask) -> Click:
    """The click that a person who sees both masks (H, W) makes next."""
    step = max(1, max(truth.shape) // _MOST_SIDE)
    missing, extra = (
        (one & ~other)[::step, ::step]
        for one, other in ((truth, current_mask), (current_mask, truth))
    )
    (inside, depth), (outside, height) = _middle(missing), _middle(extra)
    row, column = inside if depth >= height else outside
    rows, columns = truth.shape
    return Click((column * step + 0.5) / columns, (row * step + 0.5) / rows, depth >= height)


def _middle(mask: Mask) -> tuple[tuple[int, int], float]:
    """Row and column that are farthest from everything outside, and how far."""
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(distance.argmax()), mask.shape)
    return (int(row), int(column)), float(distance.max())
