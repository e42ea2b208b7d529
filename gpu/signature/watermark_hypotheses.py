"""Where a watermark may lie in a picture: the hypotheses of the search, the likely ones first.

A hypothesis is a scale, an angle and one of eight orientations. For each, the picture is resampled
to two samples per chip and whitened.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gpu.signature.chip_map import Plane, resized
from gpu.signature.place import (
    FRAME_UNITS,
    ORIENTATIONS,
    Matrix,
    inside_border,
    orientation_matrix,
    oriented,
    rotation_matrix,
    translation,
)
from gpu.signature.whitening import Shift, sampled_size, whitened

_MIN_UNITS, _MAX_UNITS = 96, 2600  # sides of a crop, or of a screenshot around a picture

_RATIOS = ((1, 1), (1, 2), (2, 1))  # aspect ratios of the pictures that are sold
_MAX_STRETCH = 0.25
# Of the logarithm: an error of 1.5 units, less than half a chip, at the edge of a map.
_SCALE_STEP = 0.012
_MIN_SCALE, _MAX_SCALE = 0.35, 4.0  # pixels per unit
_BASE_STEP = 0.15  # of the logarithm: whitened planes that are resampled to the scales between
_ANGLES = tuple(sign * step / 2 for step in range(1, 11) for sign in (1, -1))  # degrees


def _part_scales() -> tuple[float, ...]:
    """Pixels per unit of a crop, the likely ones first: not scaled, of 1024 pixels, or zoomed."""
    logarithms = np.arange(math.log(_MIN_SCALE), math.log(_MAX_SCALE), _SCALE_STEP).tolist()
    grid = (math.exp(logarithm) for logarithm in sorted(logarithms, key=abs))
    return *_LIKELY_SCALES, *grid


_UNSCALED = (1.0, 2.0)
_LIKELY_SCALES = (*_UNSCALED, 0.5, 1.5, 0.75)
_PART_SCALES = _part_scales()
_WHOLE_SCALES = 2 * (1 + len(_RATIOS))  # with a border and without it
_SHIFTS = ((0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.5, 0.5))  # samples: a crop begins anywhere
_PART_PLANES = len(_PART_SCALES) + (len(_SHIFTS) - 1) * len(_UNSCALED)
MAX_HYPOTHESES = ORIENTATIONS * (_WHOLE_SCALES + _PART_PLANES + 2 * len(_ANGLES))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A picture in an orientation or at an angle, and a scale.

    `plane` is the whitened picture. It is `is_rough` if it was resampled from another scale; then
    it is whitened again before decoding.
    """

    luma: Plane
    to_luma: Matrix  # from pixels of the searched picture
    scales: tuple[float, float]  # pixels per unit, across and down
    plane: Plane
    is_whole: bool
    is_rough: bool = False
    shift: Shift = (0.0, 0.0)  # of the plane's samples


def hypotheses(luma: Plane, *, deep: bool = True) -> Iterator[Hypothesis]:
    """Hypotheses of a picture, the likely ones first; without `deep`, of whole pictures only."""
    # Without the border first: with it the mark may be read too, but its place is less exact.
    inside = _without_border(luma)
    if inside is not None:
        yield from _whole_hypotheses(*inside)
    yield from _whole_hypotheses(luma, np.eye(3))
    if deep:
        yield from _part_hypotheses(luma)


def _without_border(luma: Plane) -> tuple[Plane, Matrix] | None:
    box = inside_border(luma)
    if box is None:
        return None
    left, top, right, bottom = box
    return luma[top:bottom, left:right], translation(-left, -top)


def _whole_hypotheses(luma: Plane, to_luma: Matrix) -> Iterator[Hypothesis]:
    size = luma.shape[1], luma.shape[0]
    unit = min(luma.shape) / FRAME_UNITS
    upright = whitened(luma, (unit, unit)) if _is_searched(luma, (unit, unit)) else None
    for orientation in range(ORIENTATIONS):
        turned = oriented(luma, orientation)
        to_turned = orientation_matrix(size, orientation) @ to_luma
        if upright is not None:
            plane = oriented(upright, orientation)
            yield Hypothesis(turned, to_turned, (unit, unit), plane, is_whole=True)
        for scales in _stretched_scales(turned):
            if _is_searched(turned, scales):
                plane = whitened(turned, scales)
                yield Hypothesis(turned, to_turned, scales, plane, is_whole=True)


def _part_hypotheses(luma: Plane) -> Iterator[Hypothesis]:
    planes = _Planes(luma)
    nowhere = np.eye(3)
    for index, scale in enumerate(_PART_SCALES):
        if _is_searched(luma, (scale, scale)):
            scales = scale, scale
            if index >= len(_LIKELY_SCALES):
                yield Hypothesis(luma, nowhere, scales, planes.near(scale), False, is_rough=True)
                continue
            for shift in _SHIFTS if scale in _UNSCALED else _SHIFTS[:1]:
                plane = whitened(luma, scales, shift)
                yield Hypothesis(luma, nowhere, scales, plane, False, shift=shift)
    size = luma.shape[1], luma.shape[0]
    unit = min(luma.shape) / FRAME_UNITS
    for scale in {unit: None, 1.0: None}:
        if _is_searched(luma, (scale, scale)):
            plane = whitened(luma, (scale, scale))
            for angle in _ANGLES:
                rotated = _rotated(luma, angle), rotation_matrix(size, angle)
                turned = _rotated(plane, angle)
                yield Hypothesis(*rotated, (scale, scale), turned, False, is_rough=True)


def _is_searched(luma: Plane, scales: tuple[float, float]) -> bool:
    units = luma.shape[1] / scales[0], luma.shape[0] / scales[1]
    return min(units) >= _MIN_UNITS and max(units) <= _MAX_UNITS


class _Planes:
    """Whitened planes at some scales; those between are resampled, which is faster."""

    def __init__(self, luma: Plane) -> None:
        self._luma = luma
        self._bases: dict[int, Plane] = {}

    def near(self, scale: float) -> Plane:
        step = math.floor(math.log(scale / _MIN_SCALE) / _BASE_STEP + 1e-6)
        if step not in self._bases:
            base = _MIN_SCALE * math.exp(step * _BASE_STEP)
            self._bases[step] = whitened(self._luma, (base, base))
        size = sampled_size(self._luma, (scale, scale))
        return resized(self._bases[step], size, Image.Resampling.BICUBIC)


def _stretched_scales(luma: Plane) -> Iterator[tuple[float, float]]:
    """Scales of a whole picture that was stretched from an aspect ratio that is sold."""
    height, width = luma.shape
    for across, down in _RATIOS:
        scales = width / across / FRAME_UNITS, height / down / FRAME_UNITS
        if 0.003 < abs(math.log(scales[0] / scales[1])) < _MAX_STRETCH:  # noqa: PLR2004 - rounding
            yield scales


def _rotated(luma: Plane, angle: float) -> Plane:
    picture = Image.fromarray(luma)
    rotated = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=float(luma.mean()))
    return np.asarray(rotated, np.float32)
