"""Decode the watermark of a picture that may be cropped, scaled, rotated or mirrored.

For each hypothesis of `watermark_hypotheses.py`, the whitened picture is summed over the
repetitions of the map and correlated with the synchronisation chips by one FFT. The best offset is
refined by an affine transform, and the data chips are decoded.

Offsets and transforms are chosen by the synchronisation chips only. The signs of the data chips are
independent of them, which the bound of the false positive rate in `watermark.py` requires.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft  # type: ignore[import-untyped]

from gpu.signature.chip_grid import Grid, Vector, decode
from gpu.signature.chip_map import MAP_SAMPLES, SAMPLES, ChipMap, Plane
from gpu.signature.place import (
    ORIENTATIONS,
    Place,
    inverse,
    orientation_matrix,
    oriented,
    place_of,
    scaling,
    translation,
)
from gpu.signature.watermark_hypotheses import MAX_HYPOTHESES, Hypothesis, hypotheses
from gpu.signature.whitening import Shift, sampled_size, whitened

_MIN_PEAK = 5.5  # standard deviations of the correlation; lower peaks are not decoded
_MIN_ROUGH_PEAK = 5.2  # the same for a resampled plane, which is then whitened again
_MIN_PEAK_AT_CORNER = 4.0  # the same for a whole picture, whose offset is expected
_CORNER = 2  # samples around the expected offset
_SURE_SCORE = 15.0  # from which no bit of the number is wrong
_TRANSFORMS = 3  # decoded at each offset
MAX_READINGS = _TRANSFORMS * MAX_HYPOTHESES  # per key


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


def readings(
    luma: Plane, chip_maps: Mapping[int, ChipMap], *, deep: bool = True
) -> Iterator[Reading]:
    """Decode at every offset with a high correlation, the likely hypotheses first.

    Without `deep`, only whole pictures are searched: re-encoded, scaled, stretched, mirrored or
    rotated by right angles. The caller stops at a reading with a sufficient score.
    """
    for hypothesis in hypotheses(luma, deep=deep):
        yield from _decode_at(hypothesis, chip_maps)


def _decode_at(hypothesis: Hypothesis, chip_maps: Mapping[int, ChipMap]) -> Iterator[Reading]:
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
    hypothesis: Hypothesis, orientation: int, key_number: int, chip_map: ChipMap
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
