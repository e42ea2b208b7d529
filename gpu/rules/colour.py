"""Colour arithmetic of rules: sRGB levels, linear light, OKLab, and colour maps as 3-D tables.

A colour map is a function of one colour, so it can be evaluated on a grid of 33³ colours and
applied by Pillow's trilinear `Color3DLUT`, in C. `map_exactly` evaluates the same map at every
pixel in floats; it is the reference that the table is measured against.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gpu.rules.errors import InvalidRule

Levels = NDArray[np.uint8]
"""sRGB levels 0–255, (..., 3)."""
Light = NDArray[np.float32]
"""Linear light 0–1, (..., 3)."""
Mask = NDArray[np.bool_]
ColourMap = Callable[[Light], Light]
"""Linear light (..., 3) to linear light of the same shape; results may lie outside 0–1."""

TABLE_SIZE = 33
_ROWS_AT_ONCE = 128
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Björn Ottosson, "A perceptual color space for image processing" (2020): linear sRGB to LMS, and
# the cube root of LMS to Lab.
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS = _TO_LMS.T.astype(np.float32)
_LAB = _TO_LAB.T.astype(np.float32)
_FROM_LMS = np.linalg.inv(_TO_LMS).T.astype(np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB).T.astype(np.float32)


def _decoded(encoded: NDArray[np.float64]) -> Light:
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - IEC 61966-2-1
    return light.astype(np.float32)


_LINEAR = _decoded(np.arange(256) / 255)


def to_linear(levels: Levels) -> Light:
    """Linear light of sRGB levels of any shape."""
    return _LINEAR[levels]


def to_levels(light: Light) -> Levels:
    """Linear light as sRGB levels, clipped to 0–255 and rounded to the nearest."""
    return (_encoded(np.clip(light, 0, 1)) * 255 + 0.5).astype(np.uint8)


def _encoded(light: Light) -> Light:
    """The curve of sRGB, continued above 1, and below 0 as its mirror image."""
    amount = np.abs(light).astype(np.float32)
    curve = 1.055 * np.power(amount, np.float32(1 / 2.4)) - 0.055
    encoded = np.where(amount <= 0.0031308, 12.92 * amount, curve)  # noqa: PLR2004 - IEC 61966-2-1
    return np.copysign(encoded, light).astype(np.float32)


def luminance(light: Light) -> NDArray[np.float32]:
    """Relative luminance Y of linear light (..., 3), shape (...)."""
    return light @ _LUMINANCE


def to_oklab(light: Light) -> Light:
    """Linear light as OKLab: lightness 0–1, then two axes of about -0.4 to 0.4."""
    return np.cbrt(light @ _LMS) @ _LAB


def from_oklab(lab: Light) -> Light:
    """OKLab as linear light; colours outside sRGB lie outside 0–1."""
    return ((lab @ _FROM_LAB) ** 3 @ _FROM_LMS).astype(np.float32)


def colour_difference(first: Levels, second: Levels) -> NDArray[np.float32]:
    """Euclidean distance in OKLab of sRGB levels (..., 3); about 0.02 is just noticeable."""
    distance = to_oklab(to_linear(first)) - to_oklab(to_linear(second))
    return np.linalg.norm(distance, axis=-1).astype(np.float32)


def parse_colour(text: str, field: str = "value") -> Light:
    """A colour written `#RRGGBB` as linear light, (3,). Raises InvalidRule naming `field`."""
    if not _HEX.fullmatch(text):
        raise InvalidRule(field, f"{text!r} is not a colour written #RRGGBB")
    return to_linear(np.frombuffer(bytes.fromhex(text[1:]), np.uint8))


def bake(colour_map: ColourMap, size: int = TABLE_SIZE) -> ImageFilter.Color3DLUT:
    """Evaluate a map on a grid of size³ colours, spaced evenly in sRGB levels."""
    axis = _decoded(np.linspace(0, 1, size))
    # Pillow wants red to change fastest.
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    # Not clipped: between a colour inside sRGB and one outside it, the table must cross the border
    # where the map does. Pillow clips what it has interpolated, and stores -2 to 2.
    mapped = _encoded(colour_map(np.stack([red, green, blue], axis=-1)))
    return ImageFilter.Color3DLUT(size, mapped.reshape(-1), 3)


def map_by_table(levels: Levels, colour_map: ColourMap) -> Levels:
    """Apply a colour map to sRGB levels (H, W, 3) through a table of 33³ colours."""
    return apply_table(levels, bake(colour_map))


def apply_table(levels: Levels, table: ImageFilter.Color3DLUT) -> Levels:
    """Apply a baked colour map to sRGB levels (H, W, 3)."""
    return np.asarray(Image.fromarray(levels).filter(table))


def map_exactly(levels: Levels, colour_map: ColourMap) -> Levels:
    """Apply a colour map to sRGB levels (H, W, 3) in floats, a strip of rows at a time."""
    mapped = np.empty_like(levels)
    for top in range(0, len(levels), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        mapped[rows] = to_levels(colour_map(to_linear(levels[rows])))
    return mapped


@dataclass(frozen=True)
class Statistics:
    """What a colour map needs to know of a region.

    `sample` holds colours of pixels spread evenly over the region, linear light (N, 3) with N ≥ 1.
    """

    sample: Light

    @property
    def median(self) -> Light:
        """The median of each channel, linear light (3,)."""
        return np.median(self.sample, axis=0).astype(np.float32)

    @property
    def lab_mean(self) -> Light:
        """Mean colour in OKLab, (3,)."""
        return to_oklab(self.sample).mean(axis=0)

    @property
    def lab_deviation(self) -> Light:
        """Standard deviation of each axis of OKLab, (3,)."""
        return to_oklab(self.sample).std(axis=0)


_SAMPLES = 50_000


def measure(levels: Levels, mask: Mask) -> Statistics:
    """Sample the colours of sRGB levels (H, W, 3) where a mask (H, W) is true.

    Raises ValueError for an empty mask.
    """
    places = np.flatnonzero(mask)
    if not places.size:
        raise ValueError("a region of no pixels has no colour")
    picked = places[:: max(1, places.size // _SAMPLES)]
    # not through a reshaped view: levels of a box would be copied whole for it
    return Statistics(to_linear(levels[np.divmod(picked, mask.shape[1])]))


def measure_photo(photo: Image.Image) -> Statistics:
    """Sample the colours of a whole photo."""
    return measure(np.asarray(photo.convert("RGB")), np.ones((photo.height, photo.width), np.bool_))
