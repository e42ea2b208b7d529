"""The surfaces of a room and what is on them, from its layout and the colours of its surfaces.

Each surface is one material, lit smoothly: a colour that changes slowly over the photo. What fits
the colour of no surface is a thing.
"""

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
    enlarged,
    reduced,
)
from gpu.segmenting.graphs import cut
from gpu.segmenting.layouts import SURFACES, Layout, find_layout
from gpu.segmenting.superpixels import Superpixels, cut_into_superpixels

_SPACING = 8  # pixels between superpixels
_LEAST_SURFACE = 0.008  # of the photo: a smaller surface has no colour of its own
_ROUNDS = 4
_KEPT = 0.6  # of a surface's pixels: those that its colour is fitted to
_LIGHTNESS, _HUE = 0.45, 1.7  # weights of the two: light varies more than a material
_LEAST_SPREAD, _MOST_SPREAD = 1.0, 2.5
_MOST_COST = 5.0
_THING_COST = 3.2  # spreads away from a surface's colour: as likely another thing
_STRAYING = 5.0  # pixels outside a surface's place that cost one spread
_MOST_FAVOUR = 2.5

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """A room on its small picture (H, W).

    `walls` are the left, the right and the back wall without what is on them; `things` is what
    fits no surface; `layout` is the box.
    """

    lab: NDArray[np.float32]
    layout: Layout
    surfaces: NDArray[np.intp]
    floor: Mask
    ceiling: Mask
    wall: Mask
    things: Mask


def find_room(photo: Image.Image) -> Room:
    """The best guess of a room in a photo, be it one or not; see `Room.layout.support`."""
    work = reduced(photo)
    patches = cut_into_superpixels(np.asarray(work), _SPACING)
    layout = find_layout(patches.lab)
    surfaces = layout.surfaces(work.size)
    costs = np.stack([_cost(patches.lab, surfaces == k) for k in range(len(SURFACES))])
    thing = np.full(surfaces.shape, _THING_COST)
    floor, ceiling = costs[2], costs[3]
    wall = np.minimum(np.minimum(costs[0], costs[1]), costs[4])
    masks = [
        _divided(patches, np.minimum(np.minimum(one, other), thing) - own)
        for own, one, other in ((floor, ceiling, wall), (ceiling, floor, wall), (wall, floor, ceiling))
    ]
    masks[1] &= ~masks[0]
    masks[2] &= ~(masks[0] | masks[1])
    return Room(patches.lab, layout, surfaces, *masks, ~np.logical_or.reduce(masks))


def _cost(lab: NDArray[np.float32], place: Mask) -> Plane:
    """How badly each pixel (H, W) fits a surface, in spreads of its colour, 0–5."""
    if place.mean() < _LEAST_SURFACE:
        return np.full(place.shape, _MOST_COST)
    height, width = place.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    picked = np.flatnonzero(place.ravel())
    picked = picked[:: max(1, len(picked) // 6000)]
    design, colours = terms.reshape(-1, 6)[picked], lab.reshape(-1, 3)[picked]
    used = np.linalg.norm(colours - _commonest(colours), axis=1)
    used = used <= np.quantile(used, _KEPT)
    for _ in range(_ROUNDS):
        # the quadratic terms are held small: a surface seen in part must not bend wildly beyond
        ridge = np.diag([0, 1, 1, 4, 4, 4]) * (0.01 * used.sum())
        gram = design[used].T @ design[used] + ridge
        fit = np.linalg.solve(gram, design[used].T @ colours[used])
        away = _difference(colours, design @ fit)
        used = away <= np.quantile(away, _KEPT)
    spread = float(np.clip(np.quantile(away, _KEPT), _LEAST_SPREAD, _MOST_SPREAD))
    cost = _difference(lab, terms @ fit) / spread
    straying = ndimage.distance_transform_edt(~place) / _STRAYING
    return np.minimum(cost, _MOST_COST) + straying


def _commonest(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean colour of the fullest cell of a surface's colours (N, 3)."""
    cells = np.floor(colours / np.array([8, 3, 3], np.float32)).astype(np.int64)
    _, which, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    mean: NDArray[np.float32] = colours[which.ravel() == int(counts.argmax())].mean(axis=0)
    return mean


def _difference(lab: NDArray[np.float32], surface: Plane) -> Plane:
    """How far colours (..., 3) are from those of a surface, the same in other light being near."""
    share = (lab * surface).sum(-1) / np.maximum((surface**2).sum(-1), 1)
    hue = np.linalg.norm(lab - share[..., None] * surface, axis=-1)
    lightness = (share - 1) * np.linalg.norm(surface, axis=-1)
    return np.hypot(_LIGHTNESS * lightness, _HUE * hue)


def _divided(patches: Superpixels, favour: Plane) -> Mask:
    favour = np.clip(favour, -_MOST_FAVOUR, _MOST_FAVOUR)
    by_patch = np.bincount(patches.labels.ravel(), favour.ravel()) / patches.areas
    weights = SMOOTHNESS * closeness(patches.steps) * patches.borders / _SPACING
    nodes = cut(np.maximum(-by_patch, 0), np.maximum(by_patch, 0), patches.pairs, weights)
    return divided_near_border(nodes[patches.labels], favour, patches.lab)
