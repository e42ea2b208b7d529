"""Whitening: how the watermark's reader suppresses the picture around the mark.

The mark is far weaker than the picture. For a known pattern in noise the best receiver divides by
the noise's power, in space and in frequency. The picture is the noise, so its local level and its
smoothed spectrum are measured on the plane itself. The writer uses the same gains to put the mark
where the reader of a difficult picture weighs it most.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage  # type: ignore[import-untyped]

from gpu.signature.chip_map import SAMPLE_UNITS, Plane, high_passed, resized

Shift = tuple[float, float]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEVEL_SIGMA = 1.2  # samples
_LEVEL_FLOOR = 0.5  # grey levels
_CLIP = 2.0  # of the local level
_SPECTRUM_SIGMA = 3.0  # bins
_SPECTRUM_FLOOR = 0.02  # of the mean power
_BEFORE, _AFTER = 0.7, 0.7  # exponents of the spectral division before and after the local one
_MAX_OF_MEDIAN = 2.0
_MAX_OF_MEDIAN_GAIN = 1.5  # of the writer, by sample


def luma_of(picture: Image.Image) -> Plane:
    """Rec. 601 luma of an RGB picture, 0-255, shape (height, width)."""
    return np.asarray(picture, np.float32) @ _LUMA


def sampled_size(luma: Plane, scales: tuple[float, float]) -> tuple[int, int]:
    """Width and height of `luma`, of `scales` pixels per unit, at two samples per chip."""
    height, width = luma.shape
    across, down = scales
    return max(8, round(width / across / SAMPLE_UNITS)), max(8, round(height / down / SAMPLE_UNITS))


def whitened(luma: Plane, scales: tuple[float, float], shift: Shift = (0.0, 0.0)) -> Plane:
    """Resample `luma` to two samples per chip and divide by its local and spectral power.

    The samples are counted from a `shift` (down, across) of less than one of them, and an axis that
    is shifted has one fewer.
    """
    width, height = sampled_size(luma, scales)
    down, across = shift
    size = width - (across > 0), height - (down > 0)
    sample = luma.shape[1] / width, luma.shape[0] / height
    box = (
        across * sample[0],
        down * sample[1],
        min((across + size[0]) * sample[0], luma.shape[1]),
        min((down + size[1]) * sample[1], luma.shape[0]),
    )
    # High-passed, because the mark has no slow waves.
    detail = high_passed(resized(luma, size, Image.Resampling.BILINEAR, box=box))
    plane, _ = _divided_by_power(detail)
    return plane


def most_readable(detail: Plane, expected: Plane) -> Plane:
    """What to add to `detail` so that its correlation with `expected` rises most when whitened.

    Both are planes of two samples per chip. This is the transpose of the whitening, which is linear
    as long as the mark is far weaker than the picture. Where the picture is quiet the gain is
    limited, so that the mark is not concentrated there.
    """
    _, gains = _divided_by_power(detail)
    limited = np.minimum(gains.local, np.float32(_MAX_OF_MEDIAN_GAIN) * np.median(gains.local))
    return high_passed(_filtered(_filtered(expected, gains.after) * limited, gains.before))


@dataclass(frozen=True, slots=True)
class _Gains:
    """The whitening of one plane: by frequency, by sample, and by frequency again."""

    before: Plane
    local: Plane
    after: Plane


def _divided_by_power(detail: Plane) -> tuple[Plane, _Gains]:
    flat, before = _spectrally_divided(detail, _BEFORE)
    level = local_level(flat, _LEVEL_SIGMA) + np.float32(_LEVEL_FLOOR)
    # Clipped in units of the level, then divided by it again: the inverse of the power.
    weighted = np.clip(flat / level, -_CLIP, _CLIP) / level
    plane, after = _spectrally_divided(weighted, _AFTER, max_of_median=_MAX_OF_MEDIAN)
    local = (np.abs(flat) < _CLIP * level) / level**2
    return plane, _Gains(before, local, after)


def local_level(detail: Plane, sigma: float) -> Plane:
    """Root of the mean square within a Gaussian window."""
    level: Plane = np.sqrt(ndimage.gaussian_filter(detail * detail, sigma, truncate=2.5))
    return level


def _spectrally_divided(
    plane: Plane, exponent: float, *, max_of_median: float | None = None
) -> tuple[Plane, Plane]:
    """Divide by the smoothed amplitude spectrum to an exponent; with the gain of each frequency.

    The root mean square stays the same. With `max_of_median` the remaining magnitudes are limited
    to this multiple of their median: hatching and dots have a few very strong peaks.
    """
    shape = _transform_shape(plane)
    spectrum = fft.rfft2(plane, shape)
    gain = _smooth_power(spectrum) ** np.float32(-exponent / 2)
    if max_of_median is not None:
        magnitudes = np.abs(spectrum) * gain
        limit = np.float32(max_of_median) * np.median(magnitudes)
        gain *= np.minimum(np.float32(1), limit / (magnitudes + np.float32(1e-9)))
    spectrum *= gain
    divided: Plane = fft.irfft2(spectrum, shape)[: plane.shape[0], : plane.shape[1]]
    scale = _root_mean_square(plane) / (_root_mean_square(divided) + np.float32(1e-9))
    return divided * scale, gain


def _filtered(plane: Plane, gain: Plane) -> Plane:
    shape = _transform_shape(plane)
    filtered: Plane = fft.irfft2(fft.rfft2(plane, shape) * gain, shape)
    return filtered[: plane.shape[0], : plane.shape[1]]


def _transform_shape(plane: Plane) -> tuple[int, ...]:
    return tuple(fft.next_fast_len(side, real=True) for side in plane.shape)


def _smooth_power(spectrum: NDArray[np.complex64]) -> Plane:
    """Smoothed power, its mean 1, with a floor."""
    power = spectrum.real**2 + spectrum.imag**2
    smooth: Plane = ndimage.gaussian_filter(
        power, _SPECTRUM_SIGMA, mode=("wrap", "reflect"), truncate=2.5
    )
    return smooth / (smooth.mean() + np.float32(1e-9)) + np.float32(_SPECTRUM_FLOOR)


def _root_mean_square(plane: Plane) -> np.float32:
    return np.sqrt(np.mean(plane * plane))
