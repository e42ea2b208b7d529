"""A mask of one photo, proposed on another photo of the same group.

Where the camera stood still, the mask lies at the same place, moved by what phase correlation
measures (Kuglin and Hines 1975) and checked by the edges of both photos. Elsewhere the region is
looked for by its colours and its texture. A proposal is never more than that: a person accepts it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask, to_linear, to_oklab
from gpu.segmenting.borders import SMOOTHNESS, closeness, divided_near_border, enlarged, reduced
from gpu.segmenting.calibration import rising
from gpu.segmenting.graphs import cut
from gpu.segmenting.pieces import pieces_of
from gpu.segmenting.superpixels import Superpixels, cut_into_superpixels

_SPACING = 8  # pixels between superpixels
_MOST_SHIFT = 0.06  # of the photo's longer side: a tripod that was pushed
_STILL = 0.55  # correlation of edges from which the camera stood still
_LEAST_PIXELS = 30  # of the small picture
_MOST_ASPECT = 1.03  # ratio of two photos' proportions: of one camera
_COLOURS, _TEXTURES, _HEIGHTS = 20, 12, 8  # bins: along each axis of colour, and of the others
_WEIGHTS = (1.0, 0.4, 0.4)  # of the evidence of each
_MOST_FAVOUR = 2.5
_MOST_RATIO = 4.0  # of one feature's evidence
_UNSEEN = 1e-4  # share of a bin in which nothing was seen
_DISTINCT = 0.9  # mean log ratio of the features of a region to those of the rest
_LEAST_CONFIDENCE = 0.1  # less is no proposal, but chance
_LEAST_SHARE = 0.25  # of the region's own area: the least that is proposed
_MOST_SHARE = 3.0  # of the region's own area: the most
_PIECE = 0.08  # of what is found: smaller pieces are left out

Plane = NDArray[np.float32]


class Evidence(StrEnum):
    """Why a mask is proposed: the camera stood still, or a region looks alike."""

    PLACE = "place"
    LOOK = "look"


@dataclass(frozen=True)
class Proposal:
    """A mask (H, W) proposed on another photo; `confidence`, 0–1, is how likely it is right."""

    mask: Mask
    confidence: float
    evidence: Evidence


def carry(photo: Image.Image, mask: Mask, other: Image.Image) -> Proposal | None:
    """Propose the mask (H, W) of a photo on another; None where neither place nor look holds.

    Raises ValueError for a mask of another size than the photo's.
    """
    if mask.shape != (photo.height, photo.width):
        raise ValueError(f"the mask is {mask.shape}, the photo {(photo.height, photo.width)}")
    first, second = reduced(photo), reduced(other)
    small = np.asarray(
        Image.fromarray(mask.astype(np.uint8) * 255).resize(first.size, Image.Resampling.BOX)
    )
    region = small > 127  # noqa: PLR2004 - half covered
    if region.sum() < _LEAST_PIXELS or (~region).sum() < _LEAST_PIXELS:
        return None
    grey = np.asarray(other.convert("L"))
    ratio = (photo.width / photo.height) / (other.width / other.height)
    if max(ratio, 1 / ratio) < _MOST_ASPECT:
        placed = _by_place(first, mask, second.resize(first.size), other.size, region)
        if placed is not None:
            return placed
    return _by_look(first, region, second, grey)


def _by_place(
    first: Image.Image, mask: Mask, second: Image.Image, size: tuple[int, int], region: Mask
) -> Proposal | None:
    """The mask at its place, moved by the shift between two photos of one size."""
    one, two = (_edges(np.asarray(image)) for image in (first, second))
    down, across = _shift(one, two)
    reach = _MOST_SHIFT * max(first.size)
    if max(abs(down), abs(across)) > reach:
        return None
    moved = ndimage.shift(one, (down, across), order=1, mode="nearest")
    place = ndimage.shift(region.astype(np.float32), (down, across), order=1) > 0.5  # noqa: PLR2004
    whole = _correlation(moved, two, np.ones_like(region))
    # the photo may agree as a whole and yet the region's own outline be gone
    outline = ndimage.binary_dilation(place, iterations=6)
    outline &= ~ndimage.binary_erosion(place, iterations=6)
    own = _correlation(moved, two, outline) if outline.any() else whole
    agreement = min(whole, own)
    if agreement < _STILL:
        return None
    scale = size[0] / first.width
    full = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    carried = ndimage.shift(
        np.asarray(full).view(np.uint8), (round(down * scale), round(across * scale)), order=0
    )
    return Proposal(carried.view(np.bool_), 0.95 * rising(agreement - _STILL, 0.08), Evidence.PLACE)


def _edges(levels: NDArray[np.uint8]) -> Plane:
    """Where edges are (H, W), whatever the light: gradients by the local contrast."""
    lightness = to_oklab(to_linear(levels))[..., 0]
    step = ndimage.gaussian_gradient_magnitude(lightness, 1.2)
    usual = ndimage.gaussian_filter(step, 12) + 0.004
    edges: Plane = (step / (step + usual)).astype(np.float32)
    return edges


def _shift(one: Plane, two: Plane) -> tuple[float, float]:
    """Rows and columns by which the second picture lies farther, by phase correlation."""
    height, width = one.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    spectra = [np.fft.rfft2((plane - plane.mean()) * window) for plane in (one, two)]
    cross = spectra[1] * np.conj(spectra[0])
    peak = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=one.shape)
    peak = ndimage.gaussian_filter(peak, 1.0, mode="wrap")
    row, column = np.unravel_index(int(peak.argmax()), peak.shape)
    return (
        float(row - height if row > height // 2 else row),
        float(column - width if column > width // 2 else column),
    )


def _correlation(one: Plane, two: Plane, place: Mask) -> float:
    first, second = one[place], two[place]
    if first.std() < 1e-4 or second.std() < 1e-4:  # noqa: PLR2004 - nothing is to be seen
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _by_look(
    first: Image.Image, region: Mask, second: Image.Image, grey: NDArray[np.uint8]
) -> Proposal | None:
    """What looks in the second photo as the region does in the first, and unlike the rest."""
    one = cut_into_superpixels(np.asarray(first), _SPACING)
    two = cut_into_superpixels(np.asarray(second), _SPACING)
    known, searched = _features(one), _features(two)
    ratio = _log_ratio(known, region, known)
    inner = ndimage.binary_erosion(region, iterations=2)
    distinctness = float(np.clip(ratio, -3, 3)[inner if inner.any() else region].mean())
    favour = np.clip(_log_ratio(known, region, searched), -_MOST_FAVOUR, _MOST_FAVOUR)
    by_patch = np.bincount(two.labels.ravel(), favour.ravel()) / two.areas
    weights = SMOOTHNESS * closeness(two.steps) * two.borders / _SPACING
    nodes = cut(np.maximum(-by_patch, 0), np.maximum(by_patch, 0), two.pairs, weights)
    inside = divided_near_border(nodes[two.labels], favour, two.lab)
    pieces = pieces_of(inside, _PIECE * inside.sum())
    if distinctness < _DISTINCT or not pieces:
        return None
    found = np.logical_or.reduce(pieces)
    share = float(found.mean() / region.mean())
    if not _LEAST_SHARE < share < _MOST_SHARE:
        return None
    fit = float(favour[found].mean()) / _MOST_FAVOUR
    alike = rising(0.7 - abs(np.log(share)), 0.2)
    confidence = 0.7 * rising(distinctness - 1.2, 0.2) * rising(fit - 0.4, 0.1) * alike
    if confidence < _LEAST_CONFIDENCE:
        return None
    return Proposal(enlarged(found, grey), confidence, Evidence.LOOK)


def _features(patches: Superpixels) -> tuple[NDArray[np.intp], ...]:
    """Bins (H, W) of each pixel's colour, of its texture and of how high in the photo it lies."""
    lab = ndimage.gaussian_filter(patches.lab, (1.0, 1.0, 0))
    places = lab / np.array([5, 2, 2], np.float32) + np.array([0, 10, 10], np.float32)
    colour = np.clip(places, 0, _COLOURS - 1).astype(np.intp)
    step = ndimage.gaussian_gradient_magnitude(patches.lab[..., 0], 1.0)
    energy = np.log2(ndimage.uniform_filter(step, 9) + 0.05) * 1.5 + 6.5
    rows = np.arange(len(lab)) * _HEIGHTS // len(lab)
    return (
        (colour[..., 0] * _COLOURS + colour[..., 1]) * _COLOURS + colour[..., 2],
        np.clip(energy, 0, _TEXTURES - 1).astype(np.intp),
        np.broadcast_to(rows[:, None], lab.shape[:2]),
    )


def _log_ratio(
    known: tuple[NDArray[np.intp], ...], region: Mask, searched: tuple[NDArray[np.intp], ...]
) -> NDArray[np.float64]:
    """How much better each pixel searched fits the region than the rest of the known photo."""
    total = np.zeros(searched[0].shape)
    shapes = ((_COLOURS,) * 3, (_TEXTURES,), (_HEIGHTS,))
    for bins, wanted, shape, weight in zip(known, searched, shapes, _WEIGHTS, strict=True):
        within, without = (_shares(bins[side], shape) for side in (region, ~region))
        ratio = np.log(within[wanted]) - np.log(without[wanted])
        total += weight * np.clip(ratio, -_MOST_RATIO, _MOST_RATIO)
    return total


def _shares(bins: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Smoothed shares of all bins; never zero."""
    counts = np.bincount(bins, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)
    smooth = ndimage.gaussian_filter(counts / max(1, len(bins)), 0.7, mode="nearest").ravel()
    shares: NDArray[np.float64] = smooth + _UNSEEN
    return shares
