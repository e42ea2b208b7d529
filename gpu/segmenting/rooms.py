"""Segment the surfaces of a room and the objects on them, by its layout and colours.

Each surface is modelled as one material with smooth lighting: a colour that changes slowly over the
photo. Pixels that fit no surface are objects.
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
    closeness,
    divided_near_border,
    reduced,
)
from gpu.segmenting.calibration import rising
from gpu.segmenting.graphs import cut
from gpu.segmenting.layouts import SURFACES, Layout, find_layout
from gpu.segmenting.superpixels import Superpixels, cut_into_superpixels

_SPACING = 8  # pixels between superpixels
_MIN_SURFACE = 0.008  # of the photo: no colour is fitted to a smaller surface
_ROUNDS = 4
_ALIKE = 5.0  # OKLab times 100: distance of one material, lighting ignored
_MIN_SHARE = 0.1  # of a surface: its material; the rest are objects
_FITS = 2.5  # spreads: distance from the fitted colour
_LIGHTNESS, _HUE = 0.45, 1.7  # weights: lighting varies more than material
_MIN_SPREAD, _MAX_SPREAD = 1.0, 2.5
_MAX_COST = 5.0
_THING_COST = 3.2  # spreads: at this distance, an object is as likely
_DISTANCE_SCALE = 5.0  # pixels outside a surface that cost one spread
_MAX_FAVOUR = 2.5
_MIN_VISIBLE = 0.02  # of the photo: the smallest surface used for the confidence
_MIN_LINE = 0.05  # of the photo's width: the shortest line used for the confidence
_MAX_CONFIDENCE = 0.9

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """A room on its reduced picture (H, W).

    `surfaces` (H, W) are indices of `layouts.SURFACES`; `wall` is left, right and back wall
    without the objects on them; `things` are the objects, which fit no surface. `confidence`, 0–1,
    estimates whether the photo shows a room of this layout.
    """

    lab: NDArray[np.float32]
    surfaces: NDArray[np.intp]
    floor: Mask
    ceiling: Mask
    wall: Mask
    things: Mask
    confidence: float


def find_room(photo: Image.Image) -> Room:
    """The best room model of any photo; `Room.confidence` is low if it shows none."""
    work = reduced(photo)
    patches = cut_into_superpixels(np.asarray(work), _SPACING)
    layout = find_layout(patches.lab)
    surfaces = layout.surfaces(work.size)
    groups = ((0, 1, 4), (2,), (3,))  # walls are mostly of one material
    costs = np.zeros((len(SURFACES), *surfaces.shape))
    for group in groups:
        is_material = np.isin(surfaces, group)
        material = (
            _commonest(patches.lab[is_material]) if is_material.any() else np.zeros(3, np.float32)
        )
        for side in group:
            costs[side] = _cost(patches.lab, surfaces == side, material)
    thing = np.full(surfaces.shape, _THING_COST)
    below, above = costs[2], costs[3]
    around = np.minimum(np.minimum(costs[0], costs[1]), costs[4])
    masks = [
        _divided(patches, np.minimum(np.minimum(one, other), thing) - cost)
        for cost, one, other in (
            (below, above, around),
            (above, below, around),
            (around, below, above),
        )
    ]
    masks[1] &= ~masks[0]
    masks[2] &= ~(masks[0] | masks[1])
    floor, ceiling, wall = masks
    confidence = _confidence(patches.lab, layout, surfaces, masks)
    things = ~(floor | ceiling | wall)
    return Room(patches.lab, surfaces, floor, ceiling, wall, things, confidence)


def _cost(lab: NDArray[np.float32], region: Mask, material: NDArray[np.float32]) -> Plane:
    """The cost of assigning each pixel (H, W) to a surface, in spreads of its colour, 0–5.

    `material` is the initial colour, unless few pixels of the surface are similar.
    """
    if region.mean() < _MIN_SURFACE:
        return np.full(region.shape, _MAX_COST)
    height, width = region.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    picked = np.flatnonzero(region.ravel())
    picked = picked[:: max(1, len(picked) // 6000)]
    design, colours = terms.reshape(-1, 6)[picked], lab.reshape(-1, 3)[picked]
    used = _difference(colours, material) < _ALIKE
    if used.mean() < _MIN_SHARE:
        used = _difference(colours, _commonest(colours)) < _ALIKE
    for _ in range(_ROUNDS):
        # regularise the quadratic terms, because the fit is extrapolated over hidden parts
        ridge = np.diag([0, 1, 1, 4, 4, 4]) * (0.01 * used.sum())
        gram = design[used].T @ design[used] + ridge
        fit = np.linalg.solve(gram, design[used].T @ colours[used])
        away = _difference(colours, design @ fit)
        spread = float(np.clip(np.quantile(away[used], 0.6), _MIN_SPREAD, _MAX_SPREAD))
        used = away < _FITS * spread
        if used.mean() < _MIN_SHARE / 2:
            return np.full(region.shape, _MAX_COST)
    cost = _difference(lab, terms @ fit) / spread
    distance = ndimage.distance_transform_edt(~region) / _DISTANCE_SCALE
    return np.minimum(cost, _MAX_COST) + distance


def _commonest(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean colour of the most frequent histogram cell of a surface's colours (N, 3)."""
    cells = np.floor(colours / np.array([8, 3, 3], np.float32)).astype(np.int64)
    _, which, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    mean: NDArray[np.float32] = colours[which.ravel() == int(counts.argmax())].mean(axis=0)
    return mean


def _difference(lab: NDArray[np.float32], surface: Plane | NDArray[np.float32]) -> Plane:
    """The distance of colours (..., 3) from those of a surface, with a low weight of lighting."""
    share = (lab * surface).sum(-1) / np.maximum((surface**2).sum(-1), 1)
    hue = np.linalg.norm(lab - share[..., None] * surface, axis=-1)
    lightness = (share - 1) * np.linalg.norm(surface, axis=-1)
    return np.hypot(_LIGHTNESS * lightness, _HUE * hue)


def _divided(patches: Superpixels, favour: Plane) -> Mask:
    favour = np.clip(favour, -_MAX_FAVOUR, _MAX_FAVOUR)
    by_patch = np.bincount(patches.labels.ravel(), favour.ravel()) / patches.areas
    weights = SMOOTHNESS * closeness(patches.steps) * patches.borders / _SPACING
    nodes = cut(np.maximum(-by_patch, 0), np.maximum(by_patch, 0), patches.pairs, weights)
    return divided_near_border(nodes[patches.labels], favour, patches.lab)


def _confidence(
    lab: NDArray[np.float32], layout: Layout, surfaces: NDArray[np.intp], masks: Sequence[Mask]
) -> float:
    """The confidence that a photo shows a room of this layout; a product of criteria.

    Landscapes have a horizon and pictures have frames, so lines are not sufficient. The walls must
    have one hue, the ceiling must be pale and brighter than the walls, and the floor darker.
    """
    floor, ceiling, wall = masks
    if min(floor.mean(), ceiling.mean(), wall.mean()) < _MIN_VISIBLE:
        return 0.0
    below, above, around = (np.median(lab[mask], axis=0) for mask in masks)
    sides = [wall & (surfaces == side) for side in (0, 1, 4)]
    wall_colours = np.array(
        [np.median(lab[side], axis=0) for side in sides if side.mean() > _MIN_VISIBLE]
    )
    if len(wall_colours) < 2:  # noqa: PLR2004 - a corner of a room takes two walls
        return 0.0
    # support of the lines that are long enough
    lines = np.where(layout.lengths > _MIN_LINE, layout.supports, 0)
    demands = (
        rising(min(lines[0], lines[2]) - 0.62, 0.03),  # ceiling and floor meet the back wall
        rising(max(lines[1], lines[3]) - 0.56, 0.03),  # which meets another wall
        rising(max(lines[4], lines[5]) - 0.66, 0.03),  # and that one the ceiling
        rising(0.42 - float((~np.logical_or.reduce(masks)).mean()), 0.02),
        rising(1.8 - float(np.ptp(wall_colours[:, 1:], axis=0).max()), 0.15),
        rising(14.0 - float(np.ptp(wall_colours[:, 0])), 1.0),
        rising(5.0 - float(np.linalg.norm(above[1:])), 0.4),
        rising(float(above[0]) - 72.0, 2.0),
        rising(float(above[0] - around[0]) - 3.0, 0.5),
        rising(float(around[0] - below[0]) - 1.5, 0.4),
    )
    return _MAX_CONFIDENCE * float(np.prod(demands))
