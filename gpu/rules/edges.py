"""The edge of a region: which pixels mix two colours, how much of each, and their repainting.

Lens and sensor spread an edge over two or three pixels. Such a pixel is, in linear light,
`a·inside + (1 - a)·outside`. `a` is read from its colour, between the mean colours of both sides
nearby, and only the inside part is painted. Pixels outside the region are never touched: a mask
that should take its mixed pixels along must contain them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Light, Mask, to_levels, to_linear
from gpu.rules.morphology import indices_of, shrunk

GROWTH = 2  # pixels by which a mask is to be grown so that it holds the pixels that mix
BAND = GROWTH + 3  # pixels
_THIN = 2  # pixels from the edge at which a thing too thin for the band shows its own colour
_BLOCK = 6  # pixels: surroundings are 3 × 3 blocks
_LEAST_VARIANCE = 1e-5  # of linear light: what rounding to 8 bits alone makes of an even colour
_MOST_SLACK = 0.4
_CLEAR_CONTRAST = 6.0  # squared distance of the sides, in variances, from which colour tells them

Painter = Callable[[Light, NDArray[np.intp], NDArray[np.intp]], Light]
"""Colours of the inside, linear light (N, 3), and their rows and columns: what they become."""


@dataclass(frozen=True)
class Edge:
    """The pixels of a region within five pixels of its edge.

    `rows` and `columns` (N,) say where; `share` (N,) is how much of each shows the inside, 0–1;
    `inside` and `outside` (N, 3) are the colours it mixes, linear light. A photo's border is no
    edge.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    share: NDArray[np.float32]
    inside: Light
    outside: Light


def core_of(region: Mask) -> Mask:
    """Pixels of a region (H, W) that are farther than the band from everything outside it."""
    return shrunk(region, BAND)


def unmix(levels: Levels, region: Mask, core: Mask) -> Edge:
    """Find the edge of a region in sRGB levels (H, W, 3), and what its pixels mix.

    A colour between both sides tells the share as far as the sides differ by more than each varies.
    Where they do not, or a side has no pixels nearby, the place tells it: pixels beside the outside
    show three quarters of the inside, all others nothing else.
    """
    rows, columns = indices_of(region & ~core)
    blocks = _Blocks.near(levels, rows, columns)
    near, far = (blocks.surroundings(side, rows, columns) for side in (core, ~region))
    if not near.is_known.all():
        near = near.or_else(blocks.surroundings(shrunk(region, _THIN), rows, columns))
    colour = to_linear(levels[rows, columns])
    span = near.mean - far.mean
    contrast = (span**2).sum(axis=1)
    spread = np.maximum(near.variance + far.variance, _LEAST_VARIANCE)
    is_between = near.is_known & far.is_known
    trust = np.clip(contrast / spread / _CLEAR_CONTRAST - 1, 0, 1) * is_between
    by_colour = ((colour - far.mean) * span).sum(axis=1) / np.maximum(contrast, _LEAST_VARIANCE)
    is_outermost = ~shrunk(region, 1)[rows, columns] & is_between
    by_place = np.where(is_outermost, 0.75, 1.0)
    # As far as grain alone could explain it, a pixel near one of the colours is that colour.
    slack = np.minimum(np.sqrt(spread / np.maximum(contrast, _LEAST_VARIANCE)), _MOST_SLACK)
    by_colour = np.clip((by_colour - slack) / (1 - 2 * slack), 0, 1)
    share = trust * by_colour + (1 - trust) * by_place
    share = share.astype(np.float32)[:, None]
    # What the two means do not explain is grain and shading of this very pixel.
    residual = colour - (share * near.mean + (1 - share) * far.mean)
    sure = trust.astype(np.float32)[:, None]
    inside = colour + sure * (near.mean + share * residual - colour)
    outside = colour + sure * (far.mean + (1 - share) * residual - colour)
    return Edge(rows, columns, share[:, 0], np.maximum(inside, 0), np.maximum(outside, 0))


def paint_edge(levels: Levels, edge: Edge, painter: Painter) -> Levels:
    """New sRGB levels (N, 3) of the pixels of an edge, of which only the inside part is painted."""
    colour = to_linear(levels[edge.rows, edge.columns])
    painted = painter(edge.inside, edge.rows, edge.columns)
    return to_levels(colour + edge.share[:, None] * (painted - edge.inside))


@dataclass(frozen=True)
class _Surroundings:
    """Of the pixels of one side near each of N places: mean light (N, 3), variance (N,), if any."""

    mean: Light
    variance: NDArray[np.float32]
    is_known: Mask

    def or_else(self, other: "_Surroundings") -> "_Surroundings":
        """The other's measurements where these are unknown."""
        return _Surroundings(
            np.where(self.is_known[:, None], self.mean, other.mean),
            np.where(self.is_known, self.variance, other.variance),
            self.is_known | other.is_known,
        )


@dataclass(frozen=True)
class _Blocks:
    """The blocks of a photo near some places, M of a grid (rows, columns), with their pixels.

    `pixels` are rows and columns (M, 6, 6) in the photo; `is_inside` (M, 6, 6) is false for those
    beyond its border. `light` (M, 6, 6, 3) is linear.
    """

    grid: tuple[int, int]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    pixels: tuple[NDArray[np.intp], NDArray[np.intp]]
    is_inside: NDArray[np.bool_]
    light: Light

    @classmethod
    def near(cls, levels: Levels, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> "_Blocks":
        """The blocks at places and around them, of sRGB levels (H, W, 3)."""
        height, width = levels.shape[:2]
        grid = (-(-height // _BLOCK), -(-width // _BLOCK))
        is_read = np.zeros(grid, np.uint8)
        is_read[rows // _BLOCK, columns // _BLOCK] = 1
        block_rows, block_columns = np.nonzero(ndimage.maximum_filter(is_read, 3))
        within = np.arange(_BLOCK)
        pixel_rows = (block_rows[:, None] * _BLOCK + within)[:, :, None]
        pixel_columns = (block_columns[:, None] * _BLOCK + within)[:, None, :]
        is_inside = (pixel_rows < height) & (pixel_columns < width)
        at = np.minimum(pixel_rows, height - 1), np.minimum(pixel_columns, width - 1)
        return cls(grid, block_rows, block_columns, at, is_inside, to_linear(levels[at]))

    def surroundings(
        self, side: Mask, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> _Surroundings:
        """Measure one side (H, W) near the places of these blocks."""
        counted = (side[self.pixels] & self.is_inside).astype(np.float32)
        sums = np.zeros((*self.grid, 5), np.float32)
        block = self.rows, self.columns
        sums[(*block, slice(3))] = np.einsum("nij,nijc->nc", counted, self.light)
        sums[(*block, 3)] = np.einsum("nij,nijc,nijc->n", counted, self.light, self.light)
        sums[(*block, 4)] = counted.sum(axis=(1, 2))
        # three blocks each way; what is missing beyond the border counts as nothing
        nearby = ndimage.uniform_filter(sums, (3, 3, 0), mode="constant") * 9
        found = nearby[rows // _BLOCK, columns // _BLOCK]
        is_known = found[:, 4] > 0.5  # noqa: PLR2004 - float dust is no pixel
        count = np.where(is_known, found[:, 4], 1)
        mean = found[:, :3] / count[:, None]
        variance = np.maximum(found[:, 3] / count - (mean**2).sum(axis=1), 0)
        return _Surroundings(mean, variance, is_known)
