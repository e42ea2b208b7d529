"""Search for a watermark in a picture that was cropped, scaled, rotated or mirrored.

A hypothesis is a scale, an angle and one of eight orientations. For each, the picture is resampled
to two samples per chip, whitened, summed over the repetitions of the map and correlated with the
synchronisation chips by one FFT. The best offset is refined by an affine transform, and the data
chips are decoded.

Offsets and transforms are chosen by the synchronisation chips only. The signs of the data chips are
independent of them, which the bound of the false positive rate in `watermark.py` requires.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft  # type: ignore[import-untyped]

from gpu.signature.chip_grid import Grid, decode, whitened
from gpu.signature.chip_map import MAP_SAMPLES, ChipMap, Plane
from gpu.signature.place import (
    FRAME_UNITS,
    ORIENTATIONS,
    Matrix,
    Place,
    inverse,
    orientation_matrix,
    oriented,
    place_of,
    rotation_matrix,
    scaling,
)

MIN_UNITS, MAX_UNITS = 96, 2600  # sides of a crop, or of a screenshot around a picture

_MIN_PEAK = 5.5  # standard deviations of the correlation; lower peaks are not decoded
_MIN_PEAK_AT_CORNER = 4.0  # the same for a whole picture, whose offset is expected
_CORNER = 2  # samples around the expected offset
_RATIOS = ((1, 1), (1, 2), (2, 1))  # aspect ratios of the pictures that are sold
_MAX_STRETCH = 0.25
_SCALE_STEP = (
    0.01  # of the logarithm: an error of 1.3 units, a third of a chip, at the edge of a map
)
_MIN_SCALE, _MAX_SCALE = 0.3, 4.0  # pixels per unit
_ANGLES = tuple(sign * step / 2 for step in range(1, 11) for sign in (1, -1))  # degrees


def _part_scales() -> tuple[float, ...]:
    """Pixels per unit of a crop, the likely ones first: not scaled, of 1024 pixels, or zoomed."""
    logarithms = np.arange(math.log(_MIN_SCALE), math.log(_MAX_SCALE), _SCALE_STEP).tolist()
    grid = (math.exp(logarithm) for logarithm in sorted(logarithms, key=abs))
    return 1.0, 2.0, 0.5, 1.5, 0.75, *grid


_PART_SCALES = _part_scales()
_WHOLE_SCALES = 1 + len(_RATIOS)
MAX_READINGS = ORIENTATIONS * (_WHOLE_SCALES + len(_PART_SCALES) + 2 * len(_ANGLES))  # per key


@dataclass(frozen=True, slots=True)
class Reading:
    """A decoded number, which may be noise; `score` is the correlation of the chips with it.

    `score` is in standard deviations of a picture without a mark, in which the best of 2**64
    numbers has about 8 to 10; `key_number` is the key's number in the mapping; `place` is where
    the searched picture lies in the marked one.
    """

    number: int
    key_number: int
    score: float
    place: Place


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    luma: Plane
    to_luma: Matrix  # from pixels of the searched picture
    scales: tuple[float, float]  # pixels per unit, across and down
    is_whole: bool


def readings(
    luma: Plane, chip_maps: Mapping[int, ChipMap], *, deep: bool = True
) -> Iterator[Reading]:
    """Decode at every offset with a high correlation, the likely hypotheses first.

    Without `deep`, only whole pictures are searched: re-encoded, scaled, stretched, mirrored or
    rotated by right angles. The caller stops at a reading with a sufficient score.
    """
    for hypothesis in _hypotheses(luma, deep=deep):
        yield from _decode_at(hypothesis, chip_maps)


def _hypotheses(luma: Plane, *, deep: bool) -> Iterator[_Hypothesis]:
    size = luma.shape[1], luma.shape[0]
    for orientation in range(ORIENTATIONS):
        plane = oriented(luma, orientation)
        turned = orientation_matrix(size, orientation)
        for scales in _whole_scales(plane):
            yield _Hypothesis(plane, turned, scales, is_whole=True)
    if not deep:
        return
    for scale in _PART_SCALES:
        yield _Hypothesis(luma, np.eye(3), (scale, scale), is_whole=False)
    unit = min(luma.shape) / FRAME_UNITS
    for angle in _ANGLES:
        rotated = _rotated(luma, angle)
        for scale in {unit, 1.0}:
            yield _Hypothesis(rotated, rotation_matrix(size, angle), (scale, scale), is_whole=False)


def _whole_scales(luma: Plane) -> Iterator[tuple[float, float]]:
    """Scales of a whole picture: uniform, or stretched from an aspect ratio that is sold."""
    height, width = luma.shape
    unit = min(height, width) / FRAME_UNITS
    yield unit, unit
    for across, down in _RATIOS:
        scales = width / across / FRAME_UNITS, height / down / FRAME_UNITS
        if 0.003 < abs(math.log(scales[0] / scales[1])) < _MAX_STRETCH:  # noqa: PLR2004 - rounding
            yield scales


def _rotated(luma: Plane, angle: float) -> Plane:
    picture = Image.fromarray(luma)
    rotated = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=float(luma.mean()))
    return np.asarray(rotated, np.float32)


def _decode_at(hypothesis: _Hypothesis, chip_maps: Mapping[int, ChipMap]) -> Iterator[Reading]:
    height, width = hypothesis.luma.shape
    units = width / hypothesis.scales[0], height / hypothesis.scales[1]
    if min(units) < MIN_UNITS or max(units) > MAX_UNITS:
        return
    plane = whitened(hypothesis.luma, hypothesis.scales)
    spectrum = fft.rfft2(_sum_of_repetitions(plane))
    for key_number, chip_map in chip_maps.items():
        for orientation in range(1 if hypothesis.is_whole else ORIENTATIONS):
            correlation = _correlate(spectrum, chip_map.spectra[orientation])
            offset = _offset(correlation, is_whole=hypothesis.is_whole)
            if offset is None:
                continue
            upright = oriented(plane, inverse(orientation))
            if orientation:
                correlation = _correlate(
                    fft.rfft2(_sum_of_repetitions(upright)), chip_map.spectra[0]
                )
                offset = divmod(int(correlation.argmax()), MAP_SAMPLES)
            grid = Grid(upright)
            transform = grid.refined(offset, chip_map)
            number, score = decode(grid, transform, chip_map)
            to_plane = (
                orientation_matrix((plane.shape[1], plane.shape[0]), inverse(orientation))
                @ scaling(plane.shape[1] / width, plane.shape[0] / height)
                @ hypothesis.to_luma
            )
            place = place_of(np.linalg.inv(grid.matrix(transform)) @ to_plane)
            yield Reading(number, key_number, score, place)


def _sum_of_repetitions(plane: Plane) -> Plane:
    """The sum of all repetitions of the map, shape (256, 256)."""
    height, width = plane.shape
    down, across = -(-height // MAP_SAMPLES), -(-width // MAP_SAMPLES)
    padded = np.zeros((down * MAP_SAMPLES, across * MAP_SAMPLES), np.float32)
    padded[:height, :width] = plane
    return padded.reshape(down, MAP_SAMPLES, across, MAP_SAMPLES).sum((0, 2))


def _correlate(transform: NDArray[np.complex64], spectrum: NDArray[np.complex64]) -> Plane:
    correlation: Plane = fft.irfft2(transform * spectrum, (MAP_SAMPLES, MAP_SAMPLES))
    return correlation / (
        float(correlation.std()) + 1e-9
    )  # the constant avoids 0/0 for a plane of zeros


def _offset(correlation: Plane, *, is_whole: bool) -> tuple[int, int] | None:
    """Row and column of the map's origin in samples, or None without a sufficient peak."""
    if correlation.max() >= _MIN_PEAK:
        return divmod(int(correlation.argmax()), MAP_SAMPLES)
    if is_whole:
        side = 2 * _CORNER + 1
        corner = np.roll(correlation, (_CORNER, _CORNER), (0, 1))[:side, :side]
        if corner.max() >= _MIN_PEAK_AT_CORNER:
            row, column = divmod(int(corner.argmax()), side)
            return row - _CORNER, column - _CORNER
    return None
