"""The largest axis-aligned rectangle inside a mask."""

import numpy as np

from gpu.rules.colour import Mask

_CELLS = 128  # cells along the longer side: more of them hardly enlarge the result

Sides = tuple[int, int, int, int]
"""Left, top, right and bottom of a box, in pixels."""


def largest_rectangle(mask: Mask) -> Sides | None:
    """The largest rectangle of true pixels in a mask (H, W), on a grid of cells.

    The grid is refined until it has a rectangle. None if no pixel is true.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    region = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    cell = max(1, -(-max(region.shape) // _CELLS))
    while (rectangle := _largest(region, cell)) is None:
        cell //= 2  # of one pixel at the end, of which there is one
    first, above, after, below = (side * cell for side in rectangle)
    return left + first, top + above, left + after, top + below


def _largest(region: Mask, cell: int) -> Sides | None:
    """The largest rectangle of cells that are completely inside, in cells; None without any."""
    height, width = (side // cell for side in region.shape)
    whole = region[: height * cell, : width * cell]
    cells: Mask = np.logical_and.reduce(whole.reshape(height, cell, width, cell), axis=(1, 3))
    best, rectangle = 0, None
    depths = np.zeros(width, np.intp)
    for row in range(height):
        depths = np.where(cells[row], depths + 1, 0)
        for first, after, depth in _below(depths.tolist()):
            if (after - first) * depth > best:
                best, rectangle = (after - first) * depth, (first, row + 1 - depth, after, row + 1)
    return rectangle


def _below(depths: list[int]) -> list[tuple[int, int, int]]:
    """Maximal rectangles of a histogram: first column, column after the last, and height."""
    rectangles, stack = [], list[tuple[int, int]]()
    for column, depth in enumerate([*depths, 0]):
        first = column
        while stack and stack[-1][1] >= depth:
            first, higher = stack.pop()
            rectangles.append((first, column, higher))
        stack.append((first, depth))
    return rectangles
