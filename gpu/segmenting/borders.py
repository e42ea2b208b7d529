"""Refine the border of a mask: on a reduced picture, then at the photo's resolution."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.graphs import cut

WORK_SIDE = 480  # pixels: the longer side of the picture that masks are computed on
SURE = 50.0  # cost of a pixel with a certain label on the wrong side
SMOOTHNESS = 2.5  # cost of a border of one pixel between equal colours
_BAND = 5  # pixels around the border that are segmented again


def reduced(photo: Image.Image) -> Image.Image:
    """The photo in RGB, reduced to at most `WORK_SIDE` pixels a side."""
    scale = min(1.0, WORK_SIDE / max(photo.size))
    size = (max(2, round(photo.width * scale)), max(2, round(photo.height * scale)))
    return photo.convert("RGB").resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def closeness(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for equal colours, falling to 0 with their distance, relative to the median distance."""
    scale = 1.5 + 1.5 * (float(np.median(distance)) if distance.size else 0.0)
    return np.exp(-((distance / scale) ** 2))


def near_border(inside: Mask) -> Mask:
    """The pixels within 5 of the border of a mask."""
    mixed = ndimage.uniform_filter(inside.astype(np.float32), 2 * _BAND + 1)
    band: Mask = (mixed > 1e-3) & (mixed < 1 - 1e-3)  # noqa: PLR2004 - float dust
    return band


def divided_near_border(
    inside: Mask, favour: NDArray[np.float64], lab: NDArray[np.float32]
) -> Mask:
    """Segment the pixels near the border of a mask again by a minimum cut; others do not change.

    `favour` (H, W) is how much better a pixel fits inside than outside; `lab` (H, W, 3) is OKLab
    times 100.
    """
    band = near_border(inside)
    nodes = ndimage.binary_dilation(band)  # the band, and a fixed row on each side
    if not nodes.any():
        return inside
    favour = np.where(band, favour, np.where(inside, SURE, -SURE))
    number = np.full(nodes.shape, -1, np.intp)
    number[nodes] = np.arange(int(nodes.sum()))
    pairs, steps = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        both = nodes[first] & nodes[second]
        pairs.append(np.stack([number[first][both], number[second][both]], axis=1))
        steps.append(np.linalg.norm(lab[first][both] - lab[second][both], axis=-1))
    weights = SMOOTHNESS * closeness(np.concatenate(steps))
    cost = favour[nodes]
    divided = inside.copy()
    divided[nodes] = cut(np.maximum(-cost, 0), np.maximum(cost, 0), np.concatenate(pairs), weights)
    return divided


def enlarged(inside: Mask, grey: NDArray[np.uint8]) -> Mask:
    """Enlarge a mask of the reduced picture to the photo's size, along the photo's edges.

    `grey` (H, W) are the photo's levels.
    """
    height, width = grey.shape
    soft = np.asarray(
        Image.fromarray(inside.astype(np.float32)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
    )
    radius = round(max(width, height) / WORK_SIDE)
    if radius <= 1:
        return soft > 0.5  # noqa: PLR2004
    return _guided(soft, grey, radius)


def _guided(soft: NDArray[np.float32], grey: NDArray[np.uint8], radius: int) -> Mask:
    """A guided filter (He, Sun and Tang 2010) of a mask by the photo's levels, thresholded at 0.5.

    Only the rows and columns around the border are filtered, because others do not change.
    """
    mixed = (soft > 0) & (soft < 1)
    result: Mask = soft > 0.5  # noqa: PLR2004
    rows, columns = np.flatnonzero(mixed.any(axis=1)), np.flatnonzero(mixed.any(axis=0))
    if not rows.size:
        return result
    margin = 3 * radius
    box = np.s_[
        max(0, rows[0] - margin) : rows[-1] + margin + 1,
        max(0, columns[0] - margin) : columns[-1] + margin + 1,
    ]
    guide, part, size = grey[box].astype(np.float32) / np.float32(255), soft[box], 2 * radius + 1

    def mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        smooth: NDArray[np.float32] = ndimage.uniform_filter(plane, size, mode="nearest")
        return smooth

    mean_guide, mean_soft = mean(guide), mean(part)
    slope = (mean(guide * part) - mean_guide * mean_soft) / (
        mean(guide * guide) - mean_guide**2 + 1e-4
    )
    result[box] = mean(slope) * guide + mean(mean_soft - slope * mean_guide) > 0.5  # noqa: PLR2004
    return result
