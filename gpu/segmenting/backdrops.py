"""Segment a product in front of a backdrop.

The backdrop is modelled as a smooth colour surface that is fitted to the border of the photo.
Pixels that differ from it, other than by a soft shadow, are the product or objects beside it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.borders import SMOOTHNESS, closeness, divided_near_border, enlarged, reduced
from gpu.segmenting.calibration import rising
from gpu.segmenting.graphs import cut
from gpu.segmenting.masks import bounding_box
from gpu.segmenting.superpixels import Superpixels, cut_into_superpixels

_SPACING = 8  # pixels between superpixels
_BORDER = 0.05  # of the photo's sides: the band of the first fit of the backdrop
_ROUNDS = 3
_MIN_SPREAD = 0.8  # OKLab times 100: grain of a good camera
_SHADOW = 0.72  # of the backdrop's lightness: a darker region is not a shadow
_MAX_SHADOW_STEP = 1.6  # OKLab times 100 per pixel: a steeper gradient is not of a shadow
_MAX_FAVOUR = 2.5
_MIN_AREA = 0.02  # of the photo: the smallest product
_MIN_ACCESSORY = 0.002
_MAX_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Staged:
    """The objects in front of a backdrop, as masks in the photo's size.

    `product` is the largest object near the centre, `others` are those beside it, largest first.
    `confidence`, 0–1, estimates whether the photo shows a product in front of a backdrop.
    """

    product: Mask
    others: tuple[Mask, ...]
    background: Mask
    confidence: float


def staged(photo: Image.Image) -> Staged | None:
    """The product and the backdrop of a photo; None if nothing differs from the backdrop."""
    small = np.asarray(reduced(photo))
    patches = cut_into_superpixels(small, _SPACING)
    favour, spread = _foreground_score(patches.lab)
    inside = _divided(patches, favour)
    things = _things(inside)
    if not things:
        return None
    confidence = _MAX_CONFIDENCE * _confidence(patches.lab, inside, things[0], spread)
    grey = np.asarray(photo.convert("L"))
    product, *others = (enlarged(thing, grey) for thing in things)
    background = ~np.logical_or.reduce([product, *others])
    return Staged(product, tuple(other & ~product for other in others), background, confidence)


def _foreground_score(lab: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """How much better each pixel fits an object than the backdrop (H, W); the border's spread."""
    height, width = lab.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, y**3], axis=-1)
    border = np.ones((height, width), np.bool_)
    down, across = max(2, round(_BORDER * height)), max(2, round(_BORDER * width))
    border[down : -max(2, down // 2), across:-across] = False
    used, step = border, ndimage.gaussian_gradient_magnitude(lab[..., 0], 1.0)
    for _ in range(_ROUNDS):
        picked = np.flatnonzero(used.ravel())
        picked = picked[:: max(1, len(picked) // 20_000)]
        fit = np.linalg.lstsq(terms.reshape(-1, 7)[picked], lab.reshape(-1, 3)[picked], rcond=None)
        surface = terms @ fit[0]
        residual = np.linalg.norm(lab - surface, axis=-1)
        spread = max(_MIN_SPREAD, float(np.median(residual[border])))
        score = np.where(_is_shadow(lab, surface, step), 0.0, residual)
        used = score < 3 * spread
        if used.sum() < border.sum() // 4:
            break
    return np.clip((score - 4 * spread) / (2 * spread), -_MAX_FAVOUR, _MAX_FAVOUR), spread


def _is_shadow(
    lab: NDArray[np.float32], surface: NDArray[np.float64], step: NDArray[np.float32]
) -> Mask:
    """Darker, of the same hue, with a soft gradient (light times k is OKLab times ∛k)."""
    share = (lab * surface).sum(axis=-1) / np.maximum((surface**2).sum(axis=-1), 1)
    hue = np.linalg.norm(lab - share[..., None] * surface, axis=-1)
    shadow: Mask = (share < 1) & (share > _SHADOW) & (hue < 2) & (step < _MAX_SHADOW_STEP)  # noqa: PLR2004
    return shadow


def _divided(patches: Superpixels, favour: NDArray[np.float64]) -> Mask:
    """The foreground (H, W): a minimum cut of superpixels, refined at its border."""
    by_patch = np.bincount(patches.labels.ravel(), favour.ravel()) / patches.areas
    weights = SMOOTHNESS * closeness(patches.steps) * patches.borders / _SPACING
    nodes = cut(np.maximum(-by_patch, 0), np.maximum(by_patch, 0), patches.pairs, weights)
    inside: Mask = ndimage.binary_fill_holes(nodes[patches.labels])
    return divided_near_border(inside, favour, patches.lab)


def _things(inside: Mask) -> list[Mask]:
    """The product, then the objects beside it; empty without a product."""
    pieces, count = ndimage.label(inside)
    areas = np.bincount(pieces.ravel(), minlength=count + 1) / inside.size
    areas[0] = 0
    height, width = inside.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    central = np.bincount(pieces.ravel(), np.exp(-(x**2 + y**2) / 0.5).ravel(), minlength=count + 1)
    central[0] = 0
    first = int(central.argmax())
    if areas[first] < _MIN_AREA:
        return []
    others = [
        int(piece)
        for piece in np.argsort(-areas)
        if areas[piece] > _MIN_ACCESSORY and piece != first
    ]
    return [ndimage.binary_fill_holes(pieces == piece) for piece in (first, *others)]


def _confidence(lab: NDArray[np.float32], inside: Mask, product: Mask, spread: float) -> float:
    """The confidence that a photo shows a product in front of a backdrop; a product of criteria."""
    border = np.ones(product.shape, np.bool_)
    border[2:-2, 2:-2] = False
    step = np.linalg.norm(
        [ndimage.gaussian_gradient_magnitude(lab[..., axis], 1.0) for axis in range(3)], axis=0
    )
    around = ndimage.binary_dilation(product, iterations=2)
    outline = around & ~ndimage.binary_erosion(product, iterations=2)
    weakest = np.percentile(ndimage.maximum_filter(step, 5)[outline], 20)
    _, _, width, height = bounding_box(product)
    area = float(product.mean())
    demands = (
        rising(1.6 - spread, 0.15),  # the backdrop is even
        rising(0.03 - float(inside[border].mean()), 0.004),  # and is on all sides
        rising(float(weakest) - 1.4, 0.2),  # the product has edges along its outline
        rising(area - 0.09, 0.008),  # it fills a share of the photo
        rising(0.66 - area, 0.02),  # but not all of it
        rising(
            float(product.sum()) / (width * height) - 0.69, 0.02
        ),  # and most of its bounding box
        rising(8.0 - ndimage.label(inside)[1], 1.0),  # and there are few other objects
    )
    return float(np.prod(demands))
