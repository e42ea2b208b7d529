"""Whether two pictures that lie over each other agree everywhere, not on average.

Pictures of one prompt may share most of their detail and differ by a tint, a shifted object or a
small scale. A copy is changed in one way everywhere: one map of its colours and one transform. Both
pictures are reduced to 256 samples on the registered picture's shorter side, and the worst tile
decides.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

SIDE = 256  # samples on the registered picture's shorter side
# Alone at its limit, each makes the agreement 0.8; their shares of the limits add up.
MAX_SHIFT, MAX_RESIDUAL, MAX_MOVED = 0.36, 8.0, 2.5  # samples, levels, units
MIN_FINE_LIKENESS = 0.2
AGREEMENT_AT_LIMIT = 0.8
# A watermark speaks for a picture, too, and its place is less exact: of 400 marked copies all but
# captioned ones and some screenshots stay within 2.2 limits. Marks copied onto near pictures do
# not, but where less than 3 levels differ.
MARK_TOLERANCE = 2.2
LEAST_DETAIL = 0.02  # mean square of detail, below which a picture or a tile is flat

_TILE_OF_SHIFT, _TILE_OF_COLOUR = 24, 21  # samples
_LEAST_COVER = 0.6  # of a tile
_LOW = 0.1  # quantile of the tiles' correlations
_BLUR = 2.7  # samples
_EDGE = 3  # samples at the border of the overlap, where resampling leaves traces
_DARKEST, _BRIGHTEST = 3.0, 252.0  # levels beyond which a channel may be clipped
_LEAST_GAIN = 0.1  # of contrast
_RIDGE = 1e-5

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two pictures agree at their worst places.

    `shift` is that of the worst tile, in samples. `residual` is how far the mean colour of the
    worst tile is from what one map of colours explains, in levels of the registered picture.
    `moved` is how far, in units, the transform is from that of the whole picture: of one prompt
    there are pictures that differ by a zoom of one percent only. `fine_likeness` is the correlation
    of the fine detail, low where strokes were drawn anew.
    """

    shift: float
    residual: float
    moved: float
    fine_likeness: float

    @property
    def value(self) -> float:
        """1 for equal pictures, `AGREEMENT_AT_LIMIT` at the limits, at least 0."""
        return _agreement_at(
            max(
                self._content + self.moved / MAX_MOVED,
                (1 - self.fine_likeness) / (1 - MIN_FINE_LIKENESS),
            )
        )

    @property
    def value_at_mark(self) -> float:
        """The same of a picture, or its part, that lies where its watermark was read.

        Copies blur fine detail and marks are moved with their picture: neither counts.
        """
        return _agreement_at(self._content / MARK_TOLERANCE)

    @property
    def _content(self) -> float:
        return self.shift / MAX_SHIFT + self.residual / MAX_RESIDUAL


def _agreement_at(share: float) -> float:
    """The agreement at this share of the limits."""
    return max(0.0, 1 - (1 - AGREEMENT_AT_LIMIT) * share)


def worst_shift(registered: Plane, shown: Plane, cover: Flags) -> float:
    """Largest shift of a tile between two planes of detail, by one step of Lucas and Kanade."""
    down, across = (np.asarray(each, np.float32) for each in np.gradient((registered + shown) / 2))
    covered = cover.astype(np.float32)
    change = (shown - registered) * covered
    area = _TILE_OF_SHIFT**2

    def sums(plane: Plane) -> Plane:
        return tile_sums(plane * covered, _TILE_OF_SHIFT)

    is_used = (sums(covered) >= _LEAST_COVER * area) & (
        sums(registered * registered) > LEAST_DETAIL * area
    )
    if not is_used.any():
        return math.inf
    least = np.float32(LEAST_DETAIL * area)
    xx, xy, yy = sums(across * across) + least, sums(across * down), sums(down * down) + least
    x, y = sums(across * change), sums(down * change)
    shift = np.hypot(yy * x - xy * y, xx * y - xy * x) / (xx * yy - xy * xy)
    return float(shift[is_used].max())


def fine_likeness(registered: Plane, shown: Plane, cover: Flags) -> float:
    """Correlation of two planes of detail that nine tenths of the tiles exceed, 0 to 1."""
    correlation, _ = tile_correlations(registered, shown, cover, _TILE_OF_SHIFT)
    return max(0.0, float(np.quantile(correlation, _LOW))) if correlation.size else 0.0


def worst_residual(registered: Plane, shown: Plane, cover: Flags) -> float:
    """Largest difference of a tile's mean colour that no map of all colours explains.

    Both have the shape (rows, columns, 3). Re-encoding, brightness, contrast, gamma, saturation and
    a change to grey are such maps: quadratic in each channel, with linear mixing of channels.
    """
    blurs = (_BLUR, _BLUR, 0)
    registered = ndimage.gaussian_filter(registered, blurs) / 255
    shown = ndimage.gaussian_filter(shown, blurs)
    inner = ndimage.binary_erosion(cover, iterations=_EDGE)
    is_clipped = ((shown < _DARKEST) | (shown > _BRIGHTEST)).any(-1)
    terms = np.concatenate([registered, registered**2, np.ones((*cover.shape, 1), np.float32)], -1)
    sample = inner & ~is_clipped
    if np.count_nonzero(sample) < terms.shape[-1]:
        return math.inf
    known = terms[sample].astype(np.float64)
    normal = known.T @ known + _RIDGE * len(known) * np.diag([1.0] * 6 + [0.0])
    mapped = terms @ np.linalg.solve(normal, known.T @ shown[sample])
    contrast = float(np.var(mapped[sample], axis=0).sum())
    own = float(np.var(registered[sample] * 255, axis=0).sum())
    gain = max(_LEAST_GAIN, math.sqrt(contrast / (own + 1e-9)))
    residual = (shown - np.clip(mapped, 0, 255)) * inner[..., None]
    count = tile_sums(inner.astype(np.float32), _TILE_OF_COLOUR)
    is_used = count >= _LEAST_COVER * _TILE_OF_COLOUR**2
    if not is_used.any():
        return math.inf
    means = (
        np.stack(
            [tile_sums(residual[..., channel], _TILE_OF_COLOUR)[is_used] for channel in range(3)]
        )
        / count[is_used]
    )
    return float(np.sqrt(np.mean(means**2, axis=0)).max()) / gain


def tile_correlations(
    registered: Plane, shown: Plane, cover: Flags, tile: int
) -> tuple[Plane, Plane]:
    """Correlations of two planes of detail in the tiles that have detail and are covered.

    With them the registered plane's sums of squares in these tiles.
    """
    covered = cover.astype(np.float32)
    area = tile**2
    least = np.float32(LEAST_DETAIL * area)
    common, own, other = (
        tile_sums(plane * covered, tile)
        for plane in (registered * shown, registered * registered, shown * shown)
    )
    is_used = (tile_sums(covered, tile) >= _LEAST_COVER * area) & (own > least)
    common, own, other = common[is_used], own[is_used], other[is_used]
    correlation = common / np.sqrt(own * np.maximum(other, least))
    return correlation.astype(np.float32, copy=False), own


def tile_sums(plane: Plane, tile: int) -> Plane:
    """Sums over square tiles; what remains at the right and below is left out."""
    rows, columns = (side // tile for side in plane.shape)
    cut = plane[: rows * tile, : columns * tile]
    sums: Plane = cut.reshape(rows, tile, columns, tile).sum((1, 3))
    return sums
