"""Include and exclude clicks on a photo, and the mask that they mean.

A random walk over superpixels finds what hangs together with the clicks; then colours are learned
from both sides and the division is cut again, first between superpixels, then between pixels near
the border: GrabCut (Rother, Kolmogorov and Blake 2004), but with colour histograms in place of
mixtures of Gaussians, which five clicks are too few to fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.borders import (
    SMOOTHNESS,
    SURE,
    closeness,
    divided_near_border,
    enlarged,
    reduced,
)
from gpu.segmenting.corrections import Corrections
from gpu.segmenting.graphs import cut, shortest, walk
from gpu.segmenting.superpixels import cut_into_superpixels

_SPACING = 8  # pixels between superpixels: about 2,700 of them
_ROUNDS = 3
_MOST_COLOUR = 2.5  # what colour alone may cost; the weights below are in the same unit
_WALK_WEIGHT = 0.7
_WAY_WEIGHT = 3.0
_STEP_SCALE = 1.0  # of the median difference between neighbours: a step of cost 1
_WAY_COST = 0.02  # of a step between equal colours
_FAR = 8.0  # cost of a way at which a superpixel belongs neither inside nor outside
_BEYOND = 1.5  # of what a superpixel hangs together with excluding clicks: surely outside
_BINS = 24  # of the histogram, along each axis of OKLab
_LEAST_SHARE = 1e-6  # of a bin in which nothing was seen
_SPECK = 0.01  # of the mask: holes smaller than this are filled
_NEAR = 2.5  # deviation in pixels: how far the mask of superpixels speaks for its border
_DOT = 3  # pixels around a click that it is sure of


@dataclass(frozen=True)
class Click:
    """A point of the photo, as shares 0–1 of its width and height, that is in the mask or not."""

    x: float
    y: float
    is_included: bool = True

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise ValueError(f"a click must lie on the photo, not at {self.x}, {self.y}")


class ClickedPhoto:
    """A photo that was prepared once, for any number of masks.

    Preparing takes most of the time; what is kept is a few megabytes, whatever the photo's size.
    """

    def __init__(self, photo: Image.Image) -> None:
        self._known = dict[tuple[Click, ...], Mask]()
        self._grey = np.asarray(photo.convert("RGB").convert("L"))
        work = reduced(photo)
        self._patches = cut_into_superpixels(np.asarray(work), _SPACING)
        self._corrections = Corrections(self._patches.lab)
        self._bins = _binned(self._patches.lab)
        used = _histogram(self._bins.ravel()) > 10 * _LEAST_SHARE
        self._any_colour = np.where(used, 1 / used.sum(), _LEAST_SHARE)

    def mask(self, clicks: Sequence[Click]) -> Mask:
        """The mask (H, W), in the photo's size, of at least one including click.

        Only pieces that were clicked are in it. Raises ValueError without an including click.
        """
        if not any(click.is_included for click in clicks):
            raise ValueError("at least one click must include something")
        return enlarged(self._divided(tuple(clicks)), self._grey)

    def _divided(self, clicks: tuple[Click, ...]) -> Mask:
        """The mask on the small picture, kept for when the next click comes.

        Each click corrects the mask of those before it (see `corrections.py`).
        """
        if clicks not in self._known:
            places = [self._place(click) for click in clicks]
            inside = self._by_pixels(*self._by_patches(clicks, places), clicks, places)
            if any(click.is_included for click in clicks[:-1]):
                last = clicks[-1]
                opposite = [
                    place
                    for click, place in zip(clicks, places, strict=True)
                    if click.is_included != last.is_included
                ]
                inside = self._corrections.correct(
                    self._divided(clicks[:-1]),
                    inside,
                    places[-1],
                    opposite,
                    is_included=last.is_included,
                )
            self._known[clicks] = _clicked_pieces(inside, clicks, places)
        return self._known[clicks]

    def _place(self, click: Click) -> tuple[int, int]:
        """Row and column of a click on the small picture."""
        height, width = self._patches.labels.shape
        return min(height - 1, int(click.y * height)), min(width - 1, int(click.x * width))

    def _by_patches(
        self, clicks: Sequence[Click], places: Sequence[tuple[int, int]]
    ) -> tuple[Mask, Mask]:
        """Which pixels are inside, and which are outside whatever their colour."""
        patches = self._patches
        # the last click on a superpixel counts
        seeds = {
            int(patches.labels[place]): click.is_included
            for click, place in zip(clicks, places, strict=True)
        }
        nodes = np.array(list(seeds), np.intp)
        values = np.array(list(seeds.values()), np.float64)
        prior = self._prior(nodes, values)
        inside = prior > 0
        alike = closeness(patches.steps)
        weights = SMOOTHNESS * alike * patches.borders / _SPACING
        beyond = (prior < -_BEYOND)[patches.labels]
        for _ in range(_ROUNDS):
            cost = self._colour_cost(inside[patches.labels], beyond)
            by_colour = np.bincount(patches.labels.ravel(), cost.ravel()) / patches.areas
            favour = np.clip(by_colour, -_MOST_COLOUR, _MOST_COLOUR) + prior
            favour[nodes] = np.where(values > 0, SURE, -SURE)
            divided = cut(np.maximum(-favour, 0), np.maximum(favour, 0), patches.pairs, weights)
            if np.array_equal(divided, inside):
                break
            inside = divided
        return inside[patches.labels], beyond

    def _prior(self, nodes: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """How well each superpixel hangs together with the clicks: > 0 for inside.

        A random walk alone gives an island the side of what surrounds it, however strong its edge.
        So the cost of the way from the clicks counts too, where a strong edge costs most.
        """
        patches = self._patches
        distance = np.linalg.norm(
            patches.colours[patches.pairs[:, 0]] - patches.colours[patches.pairs[:, 1]], axis=1
        )
        usual = float(np.median(distance)) if distance.size else 0.0
        scale = _STEP_SCALE * (1 + usual)
        costs = (distance / scale) ** 2 + _WAY_COST
        inward = shortest(patches.pairs, costs, nodes[values > 0], patches.count)
        # Who includes again and excludes nothing says that the thing goes farther than was thought.
        far = _FAR * (len(nodes) if values.min() > 0 else 1)
        seeds, sides, outward = nodes, values, np.full(patches.count, far)
        if values.min() > 0:
            # Nothing is excluded yet: what is farthest from the clicks is taken to be outside.
            outside = np.argsort(-inward, kind="stable")[: patches.count // 8]
            outside = np.setdiff1d(outside, nodes)
            seeds, sides = np.r_[nodes, outside], np.r_[values, np.zeros(len(outside))]
        else:
            found = shortest(patches.pairs, costs, nodes[values == 0], patches.count)
            outward = np.minimum(found, far)
        weights = closeness(distance) * patches.borders / _SPACING + 1e-4
        chance = np.clip(walk(patches.pairs, weights, seeds, sides, patches.count), 0, 1)
        by_walk = np.log((chance + 0.02) / (1.02 - chance))
        by_way = np.clip((outward - inward) / far, -1, 1)
        return _WALK_WEIGHT * by_walk + _WAY_WEIGHT * by_way

    def _colour_cost(self, inside: Mask, beyond: Mask) -> NDArray[np.float64]:
        """How much better each pixel's colour fits the inside than the outside, (H, W).

        The colours of the outside are those of what lies far `beyond` the clicks: between the two
        may be parts of the same thing that nobody has clicked yet. Half of the outside is taken to
        have colours that nobody has seen yet.
        """
        beyond = beyond & ~inside
        outside = beyond if beyond.any() else ~inside
        within, without = (_histogram(self._bins[side]) for side in (inside, outside))
        without = (without + self._any_colour) / 2
        return np.log(within[self._bins]) - np.log(without[self._bins])

    def _by_pixels(
        self, inside: Mask, beyond: Mask, clicks: Sequence[Click], places: Sequence[tuple[int, int]]
    ) -> Mask:
        """Divide the pixels near the border again, those beyond them being what they are."""
        favour = np.clip(self._colour_cost(inside, beyond), -_MOST_COLOUR, _MOST_COLOUR)
        near = ndimage.gaussian_filter(inside.astype(np.float32), _NEAR)
        favour += 2 * _WALK_WEIGHT * (near - 0.5)
        for click, (row, column) in zip(clicks, places, strict=True):
            dot = np.s_[
                max(0, row - _DOT) : row + _DOT + 1, max(0, column - _DOT) : column + _DOT + 1
            ]
            favour[dot] = SURE if click.is_included else -SURE
            inside = inside.copy()
            inside[dot] = click.is_included
        return divided_near_border(inside, favour, self._patches.lab)


def _binned(lab: NDArray[np.float32]) -> NDArray[np.intp]:
    """The bin of the colour histogram of each pixel, (H, W)."""
    low, high = lab.min(axis=(0, 1)), lab.max(axis=(0, 1))
    span = np.maximum(high - low, 10)  # a nearly grey photo has no hues worth 24 bins
    places = np.clip(((lab - low) / span * _BINS).astype(np.intp), 0, _BINS - 1)
    return np.ravel_multi_index(np.moveaxis(places, -1, 0), (_BINS,) * 3)


def _histogram(bins: NDArray[np.intp]) -> NDArray[np.float64]:
    """Smoothed shares of all bins; never zero."""
    counts = np.bincount(bins, minlength=_BINS**3).astype(np.float64).reshape((_BINS,) * 3)
    smooth = ndimage.gaussian_filter(counts / max(1, len(bins)), 1.0).ravel()
    return smooth + _LEAST_SHARE


def _clicked_pieces(
    inside: Mask, clicks: Sequence[Click], places: Sequence[tuple[int, int]]
) -> Mask:
    """The connected pieces of a mask in which an including click lies."""
    pieces, _ = ndimage.label(inside)
    kept = {
        int(pieces[place]) for click, place in zip(clicks, places, strict=True) if click.is_included
    }
    mask: Mask = np.isin(pieces, list(kept - {0}))
    return _without_specks(
        mask, [place for click, place in zip(clicks, places, strict=True) if not click.is_included]
    )


def _without_specks(mask: Mask, excluded: Sequence[tuple[int, int]]) -> Mask:
    """The mask without its smallest holes, such as letters, in which nobody clicked."""
    holes, count = ndimage.label(~mask)
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    is_speck = sizes < _SPECK * mask.sum()
    is_speck[[0, *(int(holes[place]) for place in excluded)]] = False
    return mask | is_speck[holes]
