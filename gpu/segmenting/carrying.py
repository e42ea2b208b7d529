"""A mask of one photo, proposed on another photo of the same group.

If the camera did not move, the mask is shifted by the offset of phase correlation (Kuglin and Hines
1975) and verified by the edges of both photos. Otherwise the region is segmented by its colours and
texture. A person has to accept each proposal.
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
_MAX_SHIFT = 0.06  # of the photo's longer side: a small movement of the tripod
_MIN_CORRELATION = 0.55  # of edges: with less, the camera was moved
_MIN_PIXELS = 30  # of the reduced picture
_MAX_ASPECT_RATIO = 1.03  # of the aspect ratios of two photos of one camera
_COLOURS, _TEXTURES, _HEIGHTS = (
    20,
    12,
    8,
)  # numbers of bins: for each axis of colour, and the others
_WEIGHTS = (1.0, 0.4, 0.4)  # of the evidence of each feature
_MAX_FAVOUR = 2.5
_MAX_RATIO = 4.0  # of one feature's evidence
_SMOOTHING = 1e-4  # share of an empty bin
_MIN_DISTINCTNESS = 0.9  # mean log ratio of the features of a region to those of the rest
_MIN_CONFIDENCE = 0.1  # with less, there is no proposal
_MIN_SHARE = 0.25  # of the region's area: the smallest proposal
_MAX_SHARE = 3.0  # of the region's area: the largest proposal
_MIN_PIECE = 0.08  # of the proposal: smaller components are left out

Plane = NDArray[np.float32]


class Evidence(StrEnum):
    """The reason of a proposal: the camera did not move, or a region has the same appearance."""

    PLACE = "place"
    LOOK = "look"


@dataclass(frozen=True)
class Proposal:
    """A mask (H, W) proposed on another photo; `confidence`, 0–1, is how likely it is right."""

    mask: Mask
    confidence: float
    evidence: Evidence


def carry(photo: Image.Image, mask: Mask, other: Image.Image) -> Proposal | None:
    """Propose the mask (H, W) of a photo on another; None without evidence.

    Raises ValueError for a mask of another size than the photo's.
    """
    if mask.shape != (photo.height, photo.width):
        raise ValueError(f"the mask is {mask.shape}, the photo {(photo.height, photo.width)}")
    first, second = reduced(photo), reduced(other)
    small = np.asarray(
        Image.fromarray(mask.astype(np.uint8) * 255).resize(first.size, Image.Resampling.BOX)
    )
    region = small > 127  # noqa: PLR2004 - half covered
    if region.sum() < _MIN_PIXELS or (~region).sum() < _MIN_PIXELS:
        return None
    grey = np.asarray(other.convert("L"))
    ratio = (photo.width / photo.height) / (other.width / other.height)
    if max(ratio, 1 / ratio) < _MAX_ASPECT_RATIO:
        placed = _by_shift(first, mask, second.resize(first.size), other.size, region)
        if placed is not None:
            return placed
    return _by_appearance(first, region, second, grey)


def _by_shift(
    first: Image.Image, mask: Mask, second: Image.Image, size: tuple[int, int], region: Mask
) -> Proposal | None:
    """The mask, moved by the offset between two photos of one size."""
    one, two = (_edges(np.asarray(image)) for image in (first, second))
    down, across = _shift(one, two)
    reach = _MAX_SHIFT * max(first.size)
    if max(abs(down), abs(across)) > reach:
        return None
    moved = ndimage.shift(one, (down, across), order=1, mode="nearest")
    moved_region = ndimage.shift(region.astype(np.float32), (down, across), order=1) > 0.5  # noqa: PLR2004
    agreement_of_photo = _correlation(moved, two, np.ones_like(region))
    # the photos may agree while the outline of the region does not
    outline = ndimage.binary_dilation(moved_region, iterations=6)
    outline &= ~ndimage.binary_erosion(moved_region, iterations=6)
    agreement_of_outline = (
        _correlation(moved, two, outline) if outline.any() else agreement_of_photo
    )
    agreement = min(agreement_of_photo, agreement_of_outline)
    if agreement < _MIN_CORRELATION:
        return None
    scale = size[0] / first.width
    full = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    carried = ndimage.shift(
        np.asarray(full).view(np.uint8), (round(down * scale), round(across * scale)), order=0
    )
    return Proposal(
        carried.view(np.bool_), 0.95 * rising(agreement - _MIN_CORRELATION, 0.08), Evidence.PLACE
    )


def _edges(levels: NDArray[np.uint8]) -> Plane:
    """Edge strength (H, W), independent of lighting: gradients divided by the local contrast."""
    lightness = to_oklab(to_linear(levels))[..., 0]
    step = ndimage.gaussian_gradient_magnitude(lightness, 1.2)
    local_contrast = ndimage.gaussian_filter(step, 12) + 0.004
    edges: Plane = (step / (step + local_contrast)).astype(np.float32)
    return edges


def _shift(one: Plane, two: Plane) -> tuple[float, float]:
    """Offset (rows, columns) of the second picture, by phase correlation."""
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


def _correlation(one: Plane, two: Plane, region: Mask) -> float:
    first, second = one[region], two[region]
    if first.std() < 1e-4 or second.std() < 1e-4:  # noqa: PLR2004 - no edges
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _by_appearance(
    first: Image.Image, region: Mask, second: Image.Image, grey: NDArray[np.uint8]
) -> Proposal | None:
    """The region of the second photo with the features of the first one's region, not its rest."""
    one = cut_into_superpixels(np.asarray(first), _SPACING)
    two = cut_into_superpixels(np.asarray(second), _SPACING)
    first_features, second_features = _features(one), _features(two)
    ratio = _log_ratio(first_features, region, first_features)
    inner = ndimage.binary_erosion(region, iterations=2)
    distinctness = float(np.clip(ratio, -3, 3)[inner if inner.any() else region].mean())
    favour = np.clip(_log_ratio(first_features, region, second_features), -_MAX_FAVOUR, _MAX_FAVOUR)
    by_patch = np.bincount(two.labels.ravel(), favour.ravel()) / two.areas
    weights = SMOOTHNESS * closeness(two.steps) * two.borders / _SPACING
    nodes = cut(np.maximum(-by_patch, 0), np.maximum(by_patch, 0), two.pairs, weights)
    inside = divided_near_border(nodes[two.labels], favour, two.lab)
    pieces = pieces_of(inside, _MIN_PIECE * inside.sum())
    if distinctness < _MIN_DISTINCTNESS or not pieces:
        return None
    proposal = np.logical_or.reduce(pieces)
    share = float(proposal.mean() / region.mean())
    if not _MIN_SHARE < share < _MAX_SHARE:
        return None
    fit = float(favour[proposal].mean()) / _MAX_FAVOUR
    alike = rising(0.7 - abs(np.log(share)), 0.2)
    confidence = 0.7 * rising(distinctness - 1.2, 0.2) * rising(fit - 0.4, 0.1) * alike
    if confidence < _MIN_CONFIDENCE:
        return None
    return Proposal(enlarged(proposal, grey), confidence, Evidence.LOOK)


def _features(patches: Superpixels) -> tuple[NDArray[np.intp], ...]:
    """Histogram bins (H, W) of each pixel's colour, texture and row."""
    lab = ndimage.gaussian_filter(patches.lab, (1.0, 1.0, 0))
    bins = lab / np.array([5, 2, 2], np.float32) + np.array([0, 10, 10], np.float32)
    colour = np.clip(bins, 0, _COLOURS - 1).astype(np.intp)
    step = ndimage.gaussian_gradient_magnitude(patches.lab[..., 0], 1.0)
    energy = np.log2(ndimage.uniform_filter(step, 9) + 0.05) * 1.5 + 6.5
    rows = np.arange(len(lab)) * _HEIGHTS // len(lab)
    return (
        (colour[..., 0] * _COLOURS + colour[..., 1]) * _COLOURS + colour[..., 2],
        np.clip(energy, 0, _TEXTURES - 1).astype(np.intp),
        np.broadcast_to(rows[:, None], lab.shape[:2]),
    )


def _log_ratio(
    first_features: tuple[NDArray[np.intp], ...],
    region: Mask,
    second_features: tuple[NDArray[np.intp], ...],
) -> NDArray[np.float64]:
    """Log ratio, for each pixel of the second photo, of the first region to its complement."""
    total = np.zeros(second_features[0].shape)
    shapes = ((_COLOURS,) * 3, (_TEXTURES,), (_HEIGHTS,))
    for bins, second_bins, shape, weight in zip(
        first_features, second_features, shapes, _WEIGHTS, strict=True
    ):
        within, without = (_shares(bins[side], shape) for side in (region, ~region))
        ratio = np.log(within[second_bins]) - np.log(without[second_bins])
        total += weight * np.clip(ratio, -_MAX_RATIO, _MAX_RATIO)
    return total


def _shares(bins: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Smoothed shares of all bins, above 0."""
    counts = np.bincount(bins, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)
    smooth = ndimage.gaussian_filter(counts / max(1, len(bins)), 0.7, mode="nearest").ravel()
    shares: NDArray[np.float64] = smooth + _SMOOTHING
    return shares
