"""Whitening: how the watermark's reader suppresses the picture around the mark.

The mark is far weaker than the picture. For a known pattern in noise the best receiver divides by
the noise's power, in space and in frequency. The picture is the noise, so its local level and its
smoothed spectrum are measured on the plane itself. The writer uses the same functions to put more
of the mark where a difficult picture has less power.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage  # type: ignore[import-untyped]

from gpu.signature.chip_map import SAMPLE_UNITS, Plane, high_passed, resized

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEVEL_SIGMA = 1.2  # samples
_LEVEL_FLOOR = 0.5  # grey levels
_CLIP = 2.0  # of the local level
_SPECTRUM_SIGMA = 3.0  # bins
_SPECTRUM_FLOOR = 0.02  # of the mean power
_BEFORE, _AFTER = 0.7, 0.7  # exponents of the spectral division before and after the local one
_MAX_OF_MEDIAN = 2.0


def luma_of(picture: Image.Image) -> Plane:
    """Rec. 601 luma of an RGB picture, 0-255, shape (height, width)."""
    return np.asarray(picture, np.float32) @ _LUMA


def detail_of(luma: Plane, scales: tuple[float, float]) -> Plane:
    """Resample `luma`, of `scales` pixels per unit, to two samples per chip without slow waves."""
    return high_passed(resized(luma, sampled_size(luma, scales), Image.Resampling.BILINEAR))


def sampled_size(luma: Plane, scales: tuple[float, float]) -> tuple[int, int]:
    """Width and height of `luma` at two samples per chip."""
    height, width = luma.shape
    across, down = scales
    return max(8, round(width / across / SAMPLE_UNITS)), max(8, round(height / down / SAMPLE_UNITS))


def whitened(luma: Plane, scales: tuple[float, float]) -> Plane:
    """Resample `luma` to two samples per chip and divide by its local and spectral power."""
    flat = spectrally_divided(detail_of(luma, scales), _BEFORE)
    level = local_level(flat, _LEVEL_SIGMA) + np.float32(_LEVEL_FLOOR)
    # Clipped in units of the level, then divided by it again: the inverse of the power.
    weighted = np.clip(flat / level, -_CLIP, _CLIP) / level
    return spectrally_divided(weighted, _AFTER, max_of_median=_MAX_OF_MEDIAN)


def local_level(detail: Plane, sigma: float) -> Plane:
    """Root of the mean square within a Gaussian window."""
    level: Plane = np.sqrt(ndimage.gaussian_filter(detail * detail, sigma, truncate=2.5))
    return level


def spectrally_divided(
    plane: Plane,
    exponent: float,
    *,
    power_of: Plane | None = None,
    max_of_median: float | None = None,
) -> Plane:
    """Divide by the smoothed amplitude spectrum, of `plane` or of `power_of`, to an exponent.

    The root mean square stays the same. With `max_of_median` the remaining magnitudes are limited
    to this multiple of their median: hatching and dots have a few very strong peaks.
    """
    shape = tuple(fft.next_fast_len(side, real=True) for side in plane.shape)
    spectrum = fft.rfft2(plane, shape)
    measured = spectrum if power_of is None else fft.rfft2(power_of, shape)
    spectrum *= _smooth_power(measured) ** np.float32(-exponent / 2)
    if max_of_median is not None:
        magnitudes = np.abs(spectrum)
        limit = np.float32(max_of_median) * np.median(magnitudes)
        spectrum *= np.minimum(np.float32(1), limit / (magnitudes + np.float32(1e-9)))
    divided: Plane = fft.irfft2(spectrum, shape)[: plane.shape[0], : plane.shape[1]]
    return divided * (_root_mean_square(plane) / (_root_mean_square(divided) + np.float32(1e-9)))


def _smooth_power(spectrum: NDArray[np.complex64]) -> Plane:
    """Smoothed power, its mean 1, with a floor."""
    power = spectrum.real**2 + spectrum.imag**2
    smooth: Plane = ndimage.gaussian_filter(
        power, _SPECTRUM_SIGMA, mode=("wrap", "reflect"), truncate=2.5
    )
    return smooth / (smooth.mean() + np.float32(1e-9)) + np.float32(_SPECTRUM_FLOOR)


def _root_mean_square(plane: Plane) -> np.float32:
    return np.sqrt(np.mean(plane * plane))
