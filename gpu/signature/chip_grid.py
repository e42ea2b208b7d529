"""A picture resampled to the chips of the watermark: whitening, refinement of the place, decoding.

The place is refined by the synchronisation chips only. The signs of the data chips are independent
of them, which the bound of the false positive rate in `watermark.py` requires.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage, optimize  # type: ignore[import-untyped]

from gpu.signature import convolutional_code
from gpu.signature.chip_map import (
    CHIPS,
    SAMPLE_UNITS,
    SAMPLES,
    ChipMap,
    Plane,
    high_passed,
    resized,
)
from gpu.signature.place import FRAME_UNITS, Matrix, scaling, translation

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEVEL_SIGMA = 1.5
_LEVEL_FLOOR = 0.15
_CLIP = 1.5
_MAX_OF_MEDIAN = 2.0
_CENTRE_SIGMA = 0.6
_MAX_EVALUATIONS = 260

Vector = NDArray[np.float64]


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
    grid = Grid(whitened(luma, (scale, scale)))
    return score(grid.chip_sums(grid.initial((0, 0))), chips, chip_map)


class Grid:
    """A whitened plane, sampled at the centres of chips under an affine transform.

    A transform is six numbers in samples: the origin of the map (row, column), then the
    displacement of the middle of the lower edge and of the right edge from the uniform scale.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = ndimage.gaussian_filter(plane, _CENTRE_SIGMA, truncate=3)
        self._middle = (np.array(plane.shape) - 1) / 2

    def initial(self, offset: tuple[int, int]) -> Vector:
        """Transform of the uniform scale with an origin in samples (row, column)."""
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

    def matrix(self, transform: Vector) -> Matrix:
        """Units of the map to pixels of the plane, on (x, y, 1), counted from pixels' corners."""
        middle = self._middle + 0.5
        shear = transform[2:].reshape(2, 2) / self._middle
        linear = np.eye(3)
        linear[:2, :2] += shear[::-1, ::-1]  # (row, column) to (x, y)
        about_middle = (
            translation(middle[1], middle[0]) @ linear @ translation(-middle[1], -middle[0])
        )
        matrix: Matrix = (
            about_middle
            @ translation(transform[1], transform[0])
            @ scaling(1 / SAMPLE_UNITS, 1 / SAMPLE_UNITS)
        )
        return matrix

    def chip_sums(self, transform: Vector) -> Vector:
        """Sum of the values of each chip over all repetitions, shape (128 * 128,)."""
        rows, columns = self.chips(transform)
        values = self.values(transform, rows.astype(float), columns.astype(float))
        chips = rows % CHIPS * CHIPS + columns % CHIPS
        return np.bincount(chips, values, CHIPS * CHIPS).astype(np.float64)


def decode(grid: Grid, transform: Vector, chip_map: ChipMap) -> tuple[int, float]:
    """Most likely number of a plane under a transform, and its score."""
    values = grid.chip_sums(transform)
    slots = chip_map.slots.ravel()
    is_data = slots >= 0
    signed = values[is_data] * chip_map.signs.ravel()[is_data]
    soft = np.bincount(slots[is_data], signed, convolutional_code.CODED_BITS).astype(np.float64)
    number = convolutional_code.decode(soft)
    return number, score(values, chip_map.chips(number), chip_map)


def score(values: Vector, chips: Plane, chip_map: ChipMap) -> float:
    """Correlation of the data chips with `chips`, in standard deviations of random signs."""
    is_data = chip_map.slots.ravel() >= 0
    data = values[is_data]
    return float(data @ chips.ravel()[is_data] / math.sqrt(float(data @ data) + 1e-9))
