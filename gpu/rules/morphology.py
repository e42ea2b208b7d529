"""Masks made smaller or larger by some pixels, and the indices of their pixels."""

import numpy as np
from numpy.typing import NDArray

from gpu.rules.colour import Mask


def shrunk(mask: Mask, pixels: int) -> Mask:
    """The pixels of a mask (H, W) around which a square of 2·`pixels` + 1 a side is all true.

    Only the part of the square inside the photo counts: the photo's border takes nothing away.
    """
    return _eroded_rows(_eroded_rows(mask, pixels).T, pixels).T


def grown(mask: Mask, pixels: int) -> Mask:
    """The pixels of a mask (H, W) and those in a square of 2·`pixels` + 1 a side around each."""
    return ~shrunk(~mask, pixels)


def indices_of(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the true pixels of a mask (H, W), in the order of `np.nonzero`.

    The one-dimensional search is ten times as fast where few pixels are true.
    """
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def _eroded_rows(mask: Mask, pixels: int) -> Mask:
    """Each pixel of a mask (H, W) AND those up to `pixels` rows above and below it.

    Each step doubles the window, so one of 11 rows takes four of them; a filter of SciPy takes ten
    times as long.
    """
    window, size = 1, 2 * pixels + 1
    eroded = np.pad(mask, ((pixels, pixels), (0, 0)), constant_values=True)
    while window < size:
        step = min(window, size - window)
        eroded = eroded[:-step] & eroded[step:]
        window += step
    return eroded
