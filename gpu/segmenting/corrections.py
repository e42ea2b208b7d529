"""What one more click changes about a mask: the mistake that the click lies in the middle of.

Whoever corrects a mask clicks into the middle of the largest mistake. So the mistake is nowhere
much thicker than at the click, and it ends at edges of the photo. Two regions are taken: the
changes that a new division of the whole photo suggests, and a region that grows from the click's
pixel. It grows by geodesic distance, in which edges cost most, up to the level around which it
changes least (a maximally stable region, Matas et al. 2002). What a click excludes is often there
more than once: pieces that differ from what is beside them in the same way are removed with it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.graphs import shortest

Pixel = tuple[int, int]
Costs = NDArray[np.float64]

_THICKER = 1.5  # times the mistake's thickness at the click: what it may be elsewhere
_MARGIN = 1  # pixels more
_LEAST_STEP = 0.15  # OKLab times 100: noise of a smooth picture
_STEP_COST = 0.02  # of a step between equal colours; one of the usual difference costs 1
_SHARE_OF_WAY = 0.5  # of the way to a click of the other kind: how far a region grows
_LEVELS = 60
_LOWEST_LEVEL = 1e-4  # of the highest
_SAME_AREA = 1.2  # times: two levels between which a region grows less have the same region
_SIZE_WEIGHT = 0.25  # how much a region's size counts beside its stability
_LEAST_AREA = 12  # pixels of a region
_SPREADS = 2.0  # times the spread of a removed region's colours: what is similar
_SIMILAR = 3.0  # OKLab times 100 more
_BAND = 1.5  # times a removed region's depth: where pieces like it are looked for
_LEAST_DIFFERENCE = 1.0  # OKLab times 100, from what is beside a region: for pieces to be like it
_ALIKE = 0.5  # of that difference: how far a piece's own may be from it
_LEAST_EDGE = 0.5  # of that difference: what must lie in the edge of a piece
_EDGE = (2, 4)  # pixels beyond a piece: where its edge has ended


class Corrections:
    """The edges of a small picture, over which the regions of clicks grow."""

    def __init__(self, lab: NDArray[np.float32]) -> None:
        """Measure the edges of a picture (H, W, 3) in OKLab times 100."""
        smooth = ndimage.gaussian_filter(lab, (0.7, 0.7, 0))
        steps = [np.linalg.norm(np.diff(smooth, axis=axis), axis=-1) for axis in (1, 0)]
        usual = _LEAST_STEP + float(np.median(np.concatenate([step.ravel() for step in steps])))
        self._across, self._down = ((step / usual) ** 2 + _STEP_COST for step in steps)
        self._lab = smooth

    def correct(
        self,
        mask: Mask,
        divided: Mask,
        pixel: Pixel,
        opposite: Sequence[Pixel],
        *,
        is_included: bool,
    ) -> Mask:
        """The mask (H, W) corrected by a click on a pixel, which includes or excludes.

        `divided` is a division of the whole picture that knows of the click. `opposite` are the
        clicks of the other kind. A click that includes takes nothing away, and one that excludes
        adds nothing.
        """
        changeable = mask != is_included
        if not changeable[pixel]:
            return mask
        depth = _depth(changeable)
        most = _THICKER * float(depth[pixel]) + _MARGIN
        suggested = changeable & (divided == is_included)
        grown = self._grown(changeable, pixel, opposite, most)
        if not is_included:
            suggested = self._similar(suggested, grown)
            grown |= self._alike(changeable, depth, grown, most)
        change = _suggested(suggested, pixel, most, is_included=is_included) | grown
        change |= _seam(change, changeable & ~change)
        return mask | change if is_included else mask & ~change

    def _grown(
        self, changeable: Mask, pixel: Pixel, opposite: Sequence[Pixel], most: float
    ) -> Mask:
        """The most stable region around a pixel that is nowhere thicker than `most`."""
        ways = self._ways(changeable, pixel)
        finite = np.sort(ways[np.isfinite(ways)])
        far = [_SHARE_OF_WAY * float(ways[other]) for other in opposite]
        highest = max(_STEP_COST, min([float(finite[-1]), *far]))
        levels = np.geomspace(max(_STEP_COST, _LOWEST_LEVEL * highest), highest, _LEVELS)
        areas = np.searchsorted(finite, levels, "right")
        last = _last_thin(ways, levels, most)
        # stable up to the level at which it becomes too thick
        same = np.searchsorted(areas, _SAME_AREA * areas, "right") - 1
        stability = np.log(levels[np.minimum(same, last + 1).clip(max=_LEVELS - 1)] / levels)
        score = stability + _SIZE_WEIGHT * np.log(areas)
        score[areas < _LEAST_AREA] = -np.inf
        best = int(np.argmax(score[: last + 1]))
        # the middle level of those with this region: halfway over the edge that ends it
        region: Mask = ways <= levels[(best + min(int(same[best]), last)) // 2]
        return region

    def _similar(self, suggested: Mask, region: Mask) -> Mask:
        """The pixels (H, W) of a suggested change whose colour is about that of a removed region.

        Two clicks on a label may have included everything: who then excludes the backdrop does not
        mean the bottle, although a division that knows only the label's colour suggests both.
        """
        off = np.linalg.norm(self._lab - np.median(self._lab[region], axis=0), axis=-1)
        spread = float(np.percentile(off[region], 90))
        similar: Mask = suggested & (off < _SPREADS * spread + _SIMILAR)
        return similar

    def _alike(self, changeable: Mask, depth: NDArray[np.int32], region: Mask, most: float) -> Mask:
        """Thin pieces (H, W) that differ from what lies beside them as a removed region does.

        `depth` is that of what is changeable. Each pixel near its border is compared with the
        nearest one farther inside: mouldings around a room differ from its walls alike, but lie in
        different light.
        """
        inner = changeable & (depth > _BAND * depth[region].max() + _MARGIN)
        if not inner.any():
            return inner
        rows, columns = ndimage.distance_transform_edt(
            ~inner, return_distances=False, return_indices=True
        )
        difference = self._lab - self._lab[rows, columns]
        typical = np.median(difference[region], axis=0)
        size = float(np.linalg.norm(typical))
        if size < _LEAST_DIFFERENCE:
            return np.zeros_like(changeable)
        off = np.linalg.norm(difference - typical, axis=-1)
        alike = changeable & ~inner & (off < _ALIKE * size)
        pieces, count = ndimage.label(ndimage.binary_opening(alike, np.ones((2, 2))))
        thickness = ndimage.maximum(_depth(pieces > 0), pieces, np.arange(count + 1))
        is_kept = np.asarray(thickness) <= most
        is_kept &= np.bincount(pieces.ravel(), minlength=count + 1) >= _LEAST_AREA
        is_kept &= self._edges(pieces, count, changeable, typical) >= _LEAST_EDGE
        is_kept[0] = False
        kept: Mask = is_kept[pieces]
        return kept

    def _edges(
        self, pieces: NDArray[np.int32], count: int, changeable: Mask, typical: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """The share of a difference that lies in the edge of each piece: a shadow has none.

        Of `count` pieces and, first, of what belongs to none; 0 where nothing changeable is beside.
        """
        away, (rows, columns) = ndimage.distance_transform_edt(pieces == 0, return_indices=True)
        beside = changeable & (away >= _EDGE[0]) & (away < _EDGE[1])
        steps = (self._lab[rows, columns] - self._lab)[beside] @ typical / (typical @ typical)
        numbers = pieces[rows, columns][beside]
        sums = np.bincount(numbers, steps, minlength=count + 1)
        shares: NDArray[np.float64] = sums / np.bincount(numbers, minlength=count + 1).clip(1)
        return shares

    def _ways(self, changeable: Mask, pixel: Pixel) -> Costs:
        """Cost (H, W) of the cheapest way from a pixel to each, over changeable ones only."""
        count = int(changeable.sum())
        number = np.full(changeable.shape, -1, np.intp)
        number[changeable] = np.arange(count)
        pairs, costs = [], []
        for first, second, cost in (
            (np.s_[:, :-1], np.s_[:, 1:], self._across),
            (np.s_[:-1], np.s_[1:], self._down),
        ):
            both = changeable[first] & changeable[second]
            pairs.append(np.stack([number[first][both], number[second][both]], axis=1))
            costs.append(cost[both])
        ways = np.full(changeable.shape, np.inf)
        ways[changeable] = shortest(
            np.concatenate(pairs), np.concatenate(costs), np.array([number[pixel]]), count
        )
        return ways


def _suggested(change: Mask, pixel: Pixel, most: float, *, is_included: bool) -> Mask:
    """The pieces of a suggested change that are not too thick.

    One that adds must hold the click; others may be taken away with it: they look like it.
    """
    pieces, count = ndimage.label(change)
    if not count:
        return change
    thickness = ndimage.maximum(_depth(change), pieces, np.arange(count + 1))
    is_kept = np.asarray(thickness) <= most
    if is_included:
        is_kept &= np.arange(count + 1) == pieces[pixel]
    is_kept[0] = False
    kept: Mask = is_kept[pieces]
    return kept


def _seam(change: Mask, rest: Mask) -> Mask:
    """The slits of mixed pixels, at most two wide, that a change has left in the rest beside it."""
    slits = rest & ~ndimage.binary_opening(rest, np.ones((3, 3)))
    seam: Mask = slits & ndimage.binary_dilation(change, iterations=2)
    return seam


def _last_thin(ways: Costs, levels: Costs, most: float) -> int:
    """The number of the highest level whose region is nowhere thicker than `most`."""
    low, high = 0, len(levels)
    while high - low > 1:
        middle = (low + high) // 2
        if _depth(ways <= levels[middle]).max() <= most:
            low = middle
        else:
            high = middle
    return low


def _depth(mask: Mask) -> NDArray[np.int32]:
    """How many pixels it is to the border of a mask or of the picture, in the maximum norm."""
    depth: NDArray[np.int32] = ndimage.distance_transform_cdt(np.pad(mask, 1), "chessboard")
    return depth[1:-1, 1:-1]
