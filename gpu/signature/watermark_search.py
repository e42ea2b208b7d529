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
from scipy import fft, ndimage, optimize  # type: ignore[import-untyped]

from gpu.signature import convolutional_code
from gpu.signature.chip_map import (
    CHIPS,
    FRAME_UNITS,
    MAP_SAMPLES,
    ORIENTATIONS,
    SAMPLE_UNITS,
    SAMPLES,
    ChipMap,
    Plane,
    high_passed,
    inverse,
    oriented,
    resized,
)

MIN_UNITS, MAX_UNITS = 96, 2600  # sides of a crop, or of a screenshot around a picture

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEVEL_SIGMA = 1.5
_LEVEL_FLOOR = 0.15
_CLIP = 1.5
_MAX_OF_MEDIAN = 2.0
_CENTRE_SIGMA = 0.6
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
_MAX_EVALUATIONS = 260


def _part_scales() -> tuple[float, ...]:
    """Pixels per unit of a crop, the likely ones first: not scaled, of 1024 pixels, or zoomed."""
    logarithms = np.arange(math.log(_MIN_SCALE), math.log(_MAX_SCALE), _SCALE_STEP).tolist()
    grid = (math.exp(logarithm) for logarithm in sorted(logarithms, key=abs))
    return 1.0, 2.0, 0.5, 1.5, 0.75, *grid


_PART_SCALES = _part_scales()
_WHOLE_SCALES = 1 + len(_RATIOS)
MAX_READINGS = ORIENTATIONS * (_WHOLE_SCALES + len(_PART_SCALES) + 2 * len(_ANGLES))  # per key

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """A decoded number, which may be noise; `score` is the correlation of the chips with it.

    `score` is in standard deviations of a picture without a mark, in which the best of 2**64
    numbers has about 8 to 10; `key_number` is the key's number in the mapping.
    """

    number: int
    key_number: int
    score: float


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    luma: Plane
    scales: tuple[float, float]  # pixels per unit, across and down
    is_whole: bool


def luma_of(picture: Image.Image) -> Plane:
    """Rec. 601 luma of an RGB picture, 0-255, shape (height, width)."""
    return np.asarray(picture, np.float32) @ _LUMA


def whitened(luma: Plane, scales: tuple[float, float]) -> Plane:
    """Resample `luma` to two samples per chip and normalise its local and spectral energy."""
    height, width = luma.shape
    size = tuple(
        max(8, round(side / scale / SAMPLE_UNITS))
        for side, scale in zip((width, height), scales, strict=True)
    )
    detail = high_passed(resized(luma, (size[0], size[1]), Image.Resampling.BILINEAR))
    level = np.sqrt(ndimage.gaussian_filter(detail * detail, _LEVEL_SIGMA, truncate=2.5))
    return _limited_spectrum(np.clip(detail / (level + _LEVEL_FLOOR), -_CLIP, _CLIP))


def _limited_spectrum(plane: Plane) -> Plane:
    """Limit magnitudes to twice the median: hatching and dots have a few very strong peaks."""
    shape = [fft.next_fast_len(side, real=True) for side in plane.shape]
    spectrum = fft.rfft2(plane, shape)
    magnitudes = np.abs(spectrum)
    limit = _MAX_OF_MEDIAN * np.median(magnitudes)
    spectrum *= np.minimum(1, limit / (magnitudes + 1e-9))
    limited: Plane = fft.irfft2(spectrum, shape)[: plane.shape[0], : plane.shape[1]]
    return limited


def score_of(luma: Plane, chips: Plane, chip_map: ChipMap) -> float:
    """Score of `chips` in a whole picture that was neither cropped nor rotated."""
    scale = min(luma.shape) / FRAME_UNITS
    grid = _Grid(whitened(luma, (scale, scale)))
    return _score(grid.chip_sums(grid.initial((0, 0))), chips, chip_map)


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
    for orientation in range(ORIENTATIONS):
        plane = oriented(luma, orientation)
        for scales in _whole_scales(plane):
            yield _Hypothesis(plane, scales, is_whole=True)
    if not deep:
        return
    for scale in _PART_SCALES:
        yield _Hypothesis(luma, (scale, scale), is_whole=False)
    unit = min(luma.shape) / FRAME_UNITS
    for angle in _ANGLES:
        rotated = _rotated(luma, angle)
        for scale in {unit, 1.0}:
            yield _Hypothesis(rotated, (scale, scale), is_whole=False)


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
    transform = fft.rfft2(_sum_of_repetitions(plane))
    for key_number, chip_map in chip_maps.items():
        for orientation in range(1 if hypothesis.is_whole else ORIENTATIONS):
            correlation = _correlate(transform, chip_map.spectra[orientation])
            offset = _offset(correlation, is_whole=hypothesis.is_whole)
            if offset is None:
                continue
            upright = oriented(plane, inverse(orientation))
            if orientation:
                correlation = _correlate(
                    fft.rfft2(_sum_of_repetitions(upright)), chip_map.spectra[0]
                )
                offset = divmod(int(correlation.argmax()), MAP_SAMPLES)
            number, score = _decode(_Grid(upright), offset, chip_map)
            yield Reading(number, key_number, score)


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


class _Grid:
    """A whitened plane, sampled at the centres of chips under an affine transform.

    A transform is six numbers in samples: the origin of the map (row, column), then the
    displacement of the middle of the lower edge and of the right edge from the uniform scale.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = ndimage.gaussian_filter(plane, _CENTRE_SIGMA, truncate=3)
        self._middle = (np.array(plane.shape) - 1) / 2

    def initial(self, offset: tuple[int, int]) -> Vector:
        return np.array([*offset, 0, 0, 0, 0], float)

    def chips(self, transform: Vector) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of all chips that may be in the plane, counted over repetitions."""
        height, width = self._plane.shape
        first = np.floor(-transform[:2] / SAMPLES).astype(int) - 1
        down, across = height // SAMPLES + 3, width // SAMPLES + 3
        rows, columns = np.mgrid[first[0] : first[0] + down, first[1] : first[1] + across]
        return rows.ravel(), columns.ravel()

    def values(self, transform: Vector, rows: Vector, columns: Vector) -> Vector:
        """Values at the centres of chips, 0 outside the plane."""
        middle = self._middle
        down = SAMPLES * rows + (SAMPLES - 1) / 2 + transform[0] - middle[0]
        across = SAMPLES * columns + (SAMPLES - 1) / 2 + transform[1] - middle[1]
        shear = transform[2:].reshape(2, 2) / middle  # of each axis, by sample down and across
        coordinates = np.stack(
            [
                middle[0] + down + shear[0, 0] * down + shear[0, 1] * across,
                middle[1] + across + shear[1, 0] * down + shear[1, 1] * across,
            ]
        )
        values: Vector = ndimage.map_coordinates(
            self._plane, coordinates, order=1, mode="constant", output=np.float64
        )
        return values

    def refined(self, offset: tuple[int, int], chip_map: ChipMap) -> Vector:
        """Transform near `offset` with the highest correlation of the synchronisation chips."""
        initial = self.initial(offset)
        rows, columns = self.chips(initial)
        expected = chip_map.sync[rows % CHIPS, columns % CHIPS]
        rows, columns, expected = (
            each[expected != 0].astype(float) for each in (rows, columns, expected)
        )

        def loss(transform: Vector) -> float:
            values = self.values(transform, rows, columns)
            return -float(values @ expected / math.sqrt(float(values @ values) + 1e-9))

        steps = np.array([0.6, 0.6, 0.8, 0.8, 0.8, 0.8])
        result = optimize.minimize(
            loss,
            initial,
            method="Nelder-Mead",
            options={
                "initial_simplex": initial + np.vstack([np.zeros(6), np.diag(steps)]),
                "maxfev": _MAX_EVALUATIONS,
                "xatol": 0.05,
                "fatol": 0.02,
            },
        )
        best: Vector = result.x
        return best

    def chip_sums(self, transform: Vector) -> Vector:
        """Sum of the values of each chip over all repetitions, shape (128 * 128,)."""
        rows, columns = self.chips(transform)
        values = self.values(transform, rows.astype(float), columns.astype(float))
        chips = rows % CHIPS * CHIPS + columns % CHIPS
        return np.bincount(chips, values, CHIPS * CHIPS).astype(np.float64)


def _decode(grid: _Grid, offset: tuple[int, int], chip_map: ChipMap) -> tuple[int, float]:
    values = grid.chip_sums(grid.refined(offset, chip_map))
    slots = chip_map.slots.ravel()
    is_data = slots >= 0
    signed = values[is_data] * chip_map.signs.ravel()[is_data]
    soft = np.bincount(slots[is_data], signed, convolutional_code.CODED_BITS).astype(np.float64)
    number = convolutional_code.decode(soft)
    return number, _score(values, chip_map.chips(number), chip_map)


def _score(values: Vector, chips: Plane, chip_map: ChipMap) -> float:
    """Correlation of the data chips with `chips`, in standard deviations of random signs."""
    is_data = chip_map.slots.ravel() >= 0
    data = values[is_data]
    return float(data @ chips.ravel()[is_data] / math.sqrt(float(data @ data) + 1e-9))
