"""How pictures of one shape share a sheet."""

import math
from dataclasses import dataclass

from gpu.layouts.page import GAP, INNER, MARGIN, Box

_SHEET_ASPECT = 1.6  # width to height that sheets should come near
_HOLE = 3.2  # how bad empty cells are, by their share
_PANORAMA = 2.2  # pairs of wider pictures stand one above the other
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
        """Where the grid ends."""
        rows = -(-self.count // self.columns)
        return self.top + rows * (self.height + self.caption) + (rows - 1) * GAP

    def box(self, index: int) -> Box:
        """The picture's box of a cell."""
        row, column = divmod(index, self.columns)
        left = MARGIN + column * (self.width + GAP)
        return left, self.top + row * (self.height + self.caption + GAP), self.width, self.height


def grid_of(count: int, aspect: float, *, caption: int, top: int) -> Grid:
    """The grid for some pictures of one shape."""
    limited = min(max(aspect, 0.4), 3.0)
    if count == _PAIR:
        columns = 1 if limited > _PANORAMA else 2
    else:
        columns = min(range(1, count + 1), key=lambda each: _badness(count, limited, each))
    return Grid(count, limited, caption, top, columns)


def _badness(count: int, aspect: float, columns: int) -> float:
    rows = -(-count // columns)
    holes = rows * columns - count
    shape = math.log(columns * aspect / rows / _SHEET_ASPECT)
    return abs(shape) + _HOLE * holes / count
