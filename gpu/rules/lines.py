"""Straight edges of a photo, as segments.

Edge pixels that hang together and whose gradients point the same way are one segment (Burns,
Hanson and Riseman 1986); its line is where their positions spread most.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, sparse  # type: ignore[import-untyped]
from scipy.sparse import csgraph  # type: ignore[import-untyped]

from gpu.rules.colour import Levels

WORK_SIDE = 800  # pixels: the longer side of the picture in which edges are looked for
_BLUR = 1.6  # pixels: jagged edges are straight again
_LEAST_STEP = 1.6  # grey levels per pixel: weaker gradients are noise
_BINS = 8  # of the gradient's direction, over the whole circle
_LEAST_LENGTH = 0.02  # of the longer side
_MOST_THICKNESS = 0.9  # pixels: deviation of an edge's pixels across its line
_NEIGHBOURS = (
    *((0, column) for column in (1, 2)),
    *((row, column) for row in (1, 2) for column in range(-2, 3)),
)  # an edge may miss a pixel

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Segments:
    """N straight edges.

    Middles (N, 2) are x and y from the photo's centre, y downwards; directions (N, 2) have length
    1. Middles and lengths (N,) are counted in the photo's longer side.
    """

    middles: Numbers
    directions: Numbers
    lengths: Numbers

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> "Segments":
        return Segments(self.middles[chosen], self.directions[chosen], self.lengths[chosen])


def find_segments(levels: Levels) -> Segments:
    """The straight edges of sRGB levels (H, W, 3)."""
    photo = Image.fromarray(levels).convert("L")
    scale = min(1.0, WORK_SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    grey = np.asarray(photo.resize(size, Image.Resampling.BOX), np.float64)
    across = ndimage.gaussian_filter(grey, _BLUR, order=(0, 1))
    down = ndimage.gaussian_filter(grey, _BLUR, order=(1, 0))
    ridge = _ridges(across, down)
    group = _grouped(ridge, across, down)
    return _fitted(ridge, group, size)


@dataclass(frozen=True)
class _Ridge:
    """Pixels whose gradient is the steepest along its own direction.

    `rows` and `columns` (N,) are their places, `x` and `y` the steepest point near them, between
    pixels: without it every flat line would be a staircase, and measured as level.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    x: Numbers
    y: Numbers


def _ridges(across: Numbers, down: Numbers) -> _Ridge:
    steep = np.hypot(across, down)
    turn = np.rint(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(steep, 1)
    height, width = steep.shape
    ridge = np.zeros(steep.shape, np.bool_)
    x, y = np.zeros(steep.shape), np.zeros(steep.shape)
    for direction, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        behind = padded[1 - row : 1 - row + height, 1 - column : 1 - column + width]
        here = (turn == direction) & (steep > _LEAST_STEP) & (steep >= ahead) & (steep > behind)
        ridge |= here
        # the top of the parabola through three gradients
        bend = 2 * steep[here] - ahead[here] - behind[here]
        shift = (ahead[here] - behind[here]) / (2 * np.maximum(bend, 1e-9))
        x[here], y[here] = column * shift, row * shift
    rows, columns = np.nonzero(ridge)
    return _Ridge(rows, columns, columns + x[ridge], rows + y[ridge])


def _grouped(ridge: _Ridge, across: Numbers, down: Numbers) -> NDArray[np.intp]:
    """The number of the segment that each edge pixel belongs to.

    Directions are sorted into bins twice, the second time half a bin on, because an edge may lie
    on the border of two bins; each pixel belongs to the larger of its two groups.
    """
    rows, columns = ridge.rows, ridge.columns
    angles = np.arctan2(down[rows, columns], across[rows, columns])
    number = np.full((across.shape[0] + 4, across.shape[1] + 4), -1, np.intp)
    number[rows + 2, columns + 2] = np.arange(len(rows))
    first, second = [], []
    for row, column in _NEIGHBOURS:
        other = number[rows + 2 + row, columns + 2 + column]
        near = np.flatnonzero(other >= 0)
        first.append(near)
        second.append(other[near])
    ends = np.concatenate(first), np.concatenate(second)
    groups, sizes = [], []
    for shift in (0.0, 0.5):
        bins = np.floor(angles / (2 * np.pi) * _BINS + shift).astype(int) % _BINS
        alike = bins[ends[0]] == bins[ends[1]]
        pairs = ends[0][alike], ends[1][alike]
        graph = sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(len(rows),) * 2)
        _, group = csgraph.connected_components(graph, directed=False)
        groups.append(group)
        sizes.append(np.bincount(group)[group] if len(group) else group)
    is_first = sizes[0] >= sizes[1]
    offset = int(groups[0].max(initial=-1)) + 1
    chosen: NDArray[np.intp] = np.where(is_first, groups[0], groups[1] + offset)
    return chosen


def _fitted(ridge: _Ridge, group: NDArray[np.intp], size: tuple[int, int]) -> Segments:
    """The line through each group of pixels, where it is long and thin."""
    count = np.maximum(np.bincount(group), 1)
    x, y = (np.bincount(group, values) / count for values in (ridge.x, ridge.y))
    dx, dy = ridge.x - x[group], ridge.y - y[group]
    xx, yy, xy = (np.bincount(group, of) / count for of in (dx * dx, dy * dy, dx * dy))
    middle, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    # a line of length L spreads by L² / 12
    lengths = np.sqrt(12 * (middle + spread))
    thickness = np.sqrt(np.maximum(middle - spread, 0))
    side = max(size)
    kept = (lengths > max(6.0, _LEAST_LENGTH * side)) & (thickness < _MOST_THICKNESS)
    angle = np.arctan2(2 * xy, xx - yy)[kept] / 2
    centre = np.stack([x[kept] + 0.5 - size[0] / 2, y[kept] + 0.5 - size[1] / 2], axis=1)
    return Segments(
        centre / side, np.stack([np.cos(angle), np.sin(angle)], axis=1), lengths[kept] / side
    )
