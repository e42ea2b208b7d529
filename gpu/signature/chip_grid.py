"""A whitened picture, sampled at the chips of the watermark: refinement of the place, decoding.

The place is refined by the synchronisation chips only. The signs of the data chips are independent
of them, which the bound of the false positive rate in `watermark.py` requires.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize  # type: ignore[import-untyped]

from gpu.signature import convolutional_code
from gpu.signature.chip_map import (
    CHIPS,
    SAMPLE_UNITS,
    SAMPLES,
    ChipMap,
    Plane,
)
from gpu.signature.place import FRAME_UNITS, Matrix, scaling, translation
from gpu.signature.whitening import whitened

_CENTRE_SIGMA = 0.6  # while the place is refined
_MAX_EVALUATIONS = 260
_MAX_SYNC = 2 * CHIPS**2 // 4  # chips by which a place is refined: those of two maps
_CROP = 0.75  # share of each side

Vector = NDArray[np.float64]


def lowest_score(luma: Plane, chips: Plane, chip_map: ChipMap) -> float:
    """Lowest score of `chips` in crops of three quarters of each side, one at each corner.

    `luma` is of a whole picture that was neither cropped nor rotated.
    """
    scale = min(luma.shape) / FRAME_UNITS
    plane = whitened(luma, (scale, scale))
    rows, columns = (side // SAMPLES for side in plane.shape)
    cut = plane[: rows * SAMPLES, : columns * SAMPLES]
    values = cut.reshape(rows, SAMPLES, columns, SAMPLES).sum((1, 3))
    at = np.ix_(np.arange(rows) % CHIPS, np.arange(columns) % CHIPS)
    values = np.where(chip_map.slots[at] >= 0, values, 0)
    agreement = values * chips[at]
    height, width = (round(side * _CROP) for side in values.shape)
    crops = [
        np.s_[top : top + height, left : left + width]
        for top in (0, rows - height)
        for left in (0, columns - width)
    ]
    return min(
        float(agreement[crop].sum() / (np.linalg.norm(values[crop]) + 1e-9)) for crop in crops
    )


class Grid:
    """A whitened plane, sampled at the centres of chips under an affine transform.

    A transform is six numbers in samples: the origin of the map (row, column), then the
    displacement of the middle of the lower edge and of the right edge from the uniform scale.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._smooth: Plane = ndimage.gaussian_filter(plane, _CENTRE_SIGMA, truncate=3)
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

    def values(
        self, transform: Vector, rows: Vector, columns: Vector, *, smooth: bool = False
    ) -> Vector:
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
            self._smooth if smooth else self._plane,
            coordinates,
            order=1,
            mode="constant",
            output=np.float64,
        )
        return values

    def refined(self, offset: tuple[int, int], chip_map: ChipMap) -> tuple[Vector, Vector]:
        """Transforms near `offset` with the highest correlation of the synchronisation chips.

        The first is moved only; the second is also scaled, rotated and sheared. Noise misleads the
        second more, so both are decoded.
        """
        initial = self.initial(offset)
        all_rows, all_columns = self.chips(initial)
        sync = chip_map.sync[all_rows % CHIPS, all_columns % CHIPS]
        used = np.flatnonzero(sync)
        used = used[:: max(1, -(-used.size // _MAX_SYNC))]
        rows, columns, expected = (
            each[used].astype(np.float64) for each in (all_rows, all_columns, sync)
        )

        def loss(transform: Vector, *, smooth: bool) -> float:
            values = self.values(transform, rows, columns, smooth=smooth)
            return -float(values @ expected / math.sqrt(float(values @ values) + 1e-9))

        smooth = loss(initial, smooth=True) <= loss(initial, smooth=False)
        moved = initial.copy()
        moved[:2] = _minimum(
            lambda shift: loss(np.append(shift, moved[2:]), smooth=smooth), initial[:2]
        )
        return moved, _minimum(partial(loss, smooth=smooth), moved)

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


def _minimum(loss: Callable[[Vector], float], initial: Vector) -> Vector:
    steps = np.array([0.6, 0.6, 0.8, 0.8, 0.8, 0.8])[: initial.size]
    result = optimize.minimize(
        loss,
        initial,
        method="Nelder-Mead",
        options={
            "initial_simplex": initial + np.vstack([np.zeros(initial.size), np.diag(steps)]),
            "maxfev": _MAX_EVALUATIONS,
            "xatol": 0.05,
            "fatol": 0.02,
        },
    )
    best: Vector = result.x
    return best


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
