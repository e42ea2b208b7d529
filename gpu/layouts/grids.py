"""Arrange pictures of one aspect ratio on a sheet."""

import math
from dataclasses import dataclass

from gpu.layouts.page import GAP, INNER, MARGIN, Box

_SHEET_ASPECT = 1.6  # target aspect ratio of a sheet
_EMPTY_CELL_COST = 3.2  # cost of a share of empty cells
_WIDE_ASPECT = 2.2  # pairs of wider pictures are stacked
_PAIR = 2


@dataclass(frozen=True)
class Grid:
    """Cells of pictures with a strip for a caption under each; all in pixels.

    `aspect` is width to height of the pictures.
    """

    count: int
    aspect: float
    caption: int
    top: int
    columns: int

    @property
    def width(self) -> int:
        """Width of a picture."""
        return (INNER - (self.columns - 1) * GAP) // self.columns

    @property
    def height(self) -> int:
        """Height of a picture."""
        return max(1, round(self.width / self.aspect))

    @property
    def bottom(self) -> int:
        """Row below the grid."""
        rows = -(-self.count // self.columns)
        return self.top + rows * (self.height + self.caption) + (rows - 1) * GAP

    def box(self, index: int) -> Box:
        """The box of the picture in a cell."""
        row, column = divmod(index, self.columns)
        left = MARGIN + column * (self.width + GAP)
        return left, self.top + row * (self.height + self.caption + GAP), self.width, self.height


def grid_of(count: int, aspect: float, *, caption: int, top: int) -> Grid:
    """The grid of lowest cost for `count` pictures of an aspect ratio (width to height)."""
    clamped = min(max(aspect, 0.4), 3.0)
    if count == _PAIR:
        columns = 1 if clamped > _WIDE_ASPECT else 2
    else:
        columns = min(range(1, count + 1), key=lambda columns: _cost(count, clamped, columns))
    return Grid(count, clamped, caption, top, columns)


def _cost(count: int, aspect: float, columns: int) -> float:
    rows = -(-count // columns)
    empty_cells = rows * columns - count
    shape = math.log(columns * aspect / rows / _SHEET_ASPECT)
    return abs(shape) + _EMPTY_CELL_COST * empty_cells / count
