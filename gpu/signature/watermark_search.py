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

from gpu.signature.chip_grid import Grid, Vector, decode
from gpu.signature.chip_map import MAP_SAMPLES, SAMPLES, ChipMap, Plane, resized
from gpu.signature.place import (
    FRAME_UNITS,
    ORIENTATIONS,
    Matrix,
    Place,
    inside_border,
    inverse,
    orientation_matrix,
    oriented,
    place_of,
    rotation_matrix,
    scaling,
    translation,
)
from gpu.signature.whitening import Shift, sampled_size, whitened

MIN_UNITS, MAX_UNITS = 96, 2600  # sides of a crop, or of a screenshot around a picture

_MIN_PEAK = 5.5  # standard deviations of the correlation; lower peaks are not decoded
_MIN_ROUGH_PEAK = 5.2  # the same for a resampled plane, which is then whitened again
_MIN_PEAK_AT_CORNER = 4.0  # the same for a whole picture, whose offset is expected
_CORNER = 2  # samples around the expected offset
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
_SURE_SCORE = 15.0  # from which no bit of the number is wrong
_TRANSFORMS = 3  # decoded at each offset
MAX_READINGS = (  # per key
    _TRANSFORMS * ORIENTATIONS * (_WHOLE_SCALES + _PART_PLANES + 2 * len(_ANGLES))
)


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


def readings(
    luma: Plane, chip_maps: Mapping[int, ChipMap], *, deep: bool = True
) -> Iterator[Reading]:
    """Decode at every offset with a high correlation, the likely hypotheses first.

    Without `deep`, only whole pictures are searched: re-encoded, scaled, stretched, mirrored or
    rotated by right angles. The caller stops at a reading with a sufficient score.
    """
    # Without the border first: with it the mark may be read too, but its place is less exact.
    inside = _without_border(luma)
    if inside is not None:
        for hypothesis in _whole_hypotheses(*inside):
            yield from _decode_at(hypothesis, chip_maps)
    for hypothesis in _whole_hypotheses(luma, np.eye(3)):
        yield from _decode_at(hypothesis, chip_maps)
    if deep:
        for hypothesis in _part_hypotheses(luma):
            yield from _decode_at(hypothesis, chip_maps)


def _without_border(luma: Plane) -> tuple[Plane, Matrix] | None:
    box = inside_border(luma)
    if box is None:
        return None
    left, top, right, bottom = box
    return luma[top:bottom, left:right], translation(-left, -top)


def _whole_hypotheses(luma: Plane, to_luma: Matrix) -> Iterator[_Hypothesis]:
    size = luma.shape[1], luma.shape[0]
    unit = min(luma.shape) / FRAME_UNITS
    upright = whitened(luma, (unit, unit)) if _is_searched(luma, (unit, unit)) else None
    for orientation in range(ORIENTATIONS):
        turned = oriented(luma, orientation)
        to_turned = orientation_matrix(size, orientation) @ to_luma
        if upright is not None:
            plane = oriented(upright, orientation)
            yield _Hypothesis(turned, to_turned, (unit, unit), plane, is_whole=True)
        for scales in _stretched_scales(turned):
            if _is_searched(turned, scales):
                plane = whitened(turned, scales)
                yield _Hypothesis(turned, to_turned, scales, plane, is_whole=True)


def _part_hypotheses(luma: Plane) -> Iterator[_Hypothesis]:
    planes = _Planes(luma)
    nowhere = np.eye(3)
    for index, scale in enumerate(_PART_SCALES):
        if _is_searched(luma, (scale, scale)):
            scales = scale, scale
            if index >= len(_LIKELY_SCALES):
                yield _Hypothesis(luma, nowhere, scales, planes.near(scale), False, is_rough=True)
                continue
            for shift in _SHIFTS if scale in _UNSCALED else _SHIFTS[:1]:
                plane = whitened(luma, scales, shift)
                yield _Hypothesis(luma, nowhere, scales, plane, False, shift=shift)
    size = luma.shape[1], luma.shape[0]
    unit = min(luma.shape) / FRAME_UNITS
    for scale in {unit: None, 1.0: None}:
        if _is_searched(luma, (scale, scale)):
            plane = whitened(luma, (scale, scale))
            for angle in _ANGLES:
                rotated = _rotated(luma, angle), rotation_matrix(size, angle)
                turned = _rotated(plane, angle)
                yield _Hypothesis(*rotated, (scale, scale), turned, False, is_rough=True)


def _is_searched(luma: Plane, scales: tuple[float, float]) -> bool:
    units = luma.shape[1] / scales[0], luma.shape[0] / scales[1]
    return min(units) >= MIN_UNITS and max(units) <= MAX_UNITS


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


def _decode_at(hypothesis: _Hypothesis, chip_maps: Mapping[int, ChipMap]) -> Iterator[Reading]:
    spectrum = fft.rfft2(_sum_of_repetitions(hypothesis.plane))
    for key_number, chip_map in chip_maps.items():
        for orientation in range(1 if hypothesis.is_whole else ORIENTATIONS):
            if hypothesis.is_rough:
                correlation = _correlate(spectrum, chip_map.mixed_spectra[orientation])
                is_likely = bool(correlation.max() >= _MIN_ROUGH_PEAK)
            else:
                offset = _offset(
                    spectrum, chip_map.spectra[orientation], is_whole=hypothesis.is_whole
                )
                is_likely = offset is not None
            if is_likely:
                yield from _decode(hypothesis, orientation, key_number, chip_map)


def _decode(
    hypothesis: _Hypothesis, orientation: int, key_number: int, chip_map: ChipMap
) -> Iterator[Reading]:
    """Decode a picture whose mark seems to be in an orientation."""
    turn = inverse(orientation)
    luma = oriented(hypothesis.luma, turn)
    scales, shift = hypothesis.scales, hypothesis.shift
    if turn % 2:
        scales, shift = scales[::-1], shift[::-1]
    plane = whitened(luma, scales) if hypothesis.is_rough else oriented(hypothesis.plane, turn)
    spectrum = fft.rfft2(_sum_of_repetitions(plane))
    offset = _offset(spectrum, chip_map.spectra[0], is_whole=hypothesis.is_whole)
    if offset is None:
        return
    size = hypothesis.luma.shape[1], hypothesis.luma.shape[0]
    to_luma = orientation_matrix(size, turn) @ hypothesis.to_luma
    to_samples = scaling(
        *(n / side for n, side in zip(sampled_size(luma, scales), luma.shape[::-1], strict=True))
    )

    def reading(grid: Grid, transform: Vector, start: Shift) -> Reading:
        number, score = decode(grid, transform, chip_map)
        to_plane = translation(-start[1], -start[0]) @ to_samples @ to_luma
        place = place_of(np.linalg.inv(grid.matrix(transform)) @ to_plane)
        return Reading(number, key_number, score, place)

    def centred(transform: Vector) -> Reading:
        """With a sample at the centre of every chip: interpolation loses high frequencies."""
        centre = transform[:2] + shift + (SAMPLES - 1) / 2
        start = float(centre[0] % 1), float(centre[1] % 1)
        moved = np.append(transform[:2] + shift - start, transform[2:])
        return reading(Grid(whitened(luma, scales, start)), moved, start)

    grid = Grid(plane)

    def tried() -> Iterator[Reading]:
        initial = grid.initial(offset)
        yield reading(grid, initial, shift)
        if not hypothesis.is_rough:
            yield centred(initial)
        moved, transformed = grid.refined(offset, chip_map)
        if hypothesis.is_rough:
            yield centred(moved)
        yield centred(transformed)

    yield from _best_first(tried())


def _best_first(tried: Iterator[Reading]) -> Iterator[Reading]:
    """Readings of one offset until a sure one: some bits of a weak one may be wrong."""
    completed = []
    for each in tried:
        completed.append(each)
        if each.score >= _SURE_SCORE:
            break
    yield from sorted(completed, key=lambda each: each.score, reverse=True)


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


def _offset(
    transform: NDArray[np.complex64], spectra: NDArray[np.complex64], *, is_whole: bool
) -> tuple[int, int] | None:
    """Row and column of the map's origin in samples, or None without a sufficient peak.

    It is that of the higher peak of the two `spectra`.
    """
    correlations = [_correlate(transform, spectrum) for spectrum in spectra]
    correlation = max(correlations, key=lambda each: float(each.max()))
    if correlation.max() >= _MIN_PEAK:
        return divmod(int(correlation.argmax()), MAP_SAMPLES)
    if is_whole:
        side = 2 * _CORNER + 1
        corner = max(
            (np.roll(each, (_CORNER, _CORNER), (0, 1))[:side, :side] for each in correlations),
            key=lambda each: float(each.max()),
        )
        if corner.max() >= _MIN_PEAK_AT_CORNER:
            row, column = divmod(int(corner.argmax()), side)
            return row - _CORNER, column - _CORNER
    return None
