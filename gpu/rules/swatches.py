"""Swatches: named colours or materials of rules, and sampling of their repeats."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Light, to_levels, to_linear

_PLAIN = np.ones((1, 1, 1), np.float32)


@dataclass(frozen=True)
class Swatch:
    """A tileable picture: sRGB levels (H, W, 3), and its width in metres.

    `metres` is None if the size of the real material is unknown.
    """

    levels: Levels
    metres: float | None = None

    @classmethod
    def read(cls, path: Path, metres: float | None) -> Self:
        """Read the swatch of a PNG file."""
        with Image.open(path, formats=("PNG",)) as picture:
            return cls(np.asarray(picture.convert("RGB")), metres)

    @property
    def colour(self) -> tuple[float, float, float]:
        """The median of each channel, linear light."""
        red, green, blue = np.median(to_linear(self.levels).reshape(-1, 3), axis=0).tolist()
        return red, green, blue

    @property
    def height_share(self) -> float:
        """Height of one repeat as a multiple of its width."""
        return self.levels.shape[0] / self.levels.shape[1]

    @cached_property
    def _pyramid(self) -> list[Light]:
        """Mipmaps: the swatch, and levels of half the size of the previous one, linear light."""
        light = [to_linear(self.levels)]
        while min(light[-1].shape[:2]) > 1:
            last = light[-1][: light[-1].shape[0] // 2 * 2, : light[-1].shape[1] // 2 * 2]
            four = last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]
            light.append((four / 4).astype(np.float32))
        return light

    def at(
        self, u: NDArray[np.float32], v: NDArray[np.float32], footprint: NDArray[np.float32]
    ) -> Light:
        """Light (N, 3) at texture coordinates in repeats across (u) and down (v).

        `footprint` is the number of repeats that a pixel of the photo covers. It selects the mipmap
        level (Williams 1983), against aliasing.
        """
        last = len(self._pyramid) - 1
        covered = np.maximum(footprint * self.levels.shape[1], 1)
        level = np.clip(np.log2(covered), 0, last)
        light = np.zeros((*u.shape, 3), np.float32)
        for step, picture in enumerate(self._pyramid):
            weight = np.clip(1 - np.abs(level - step), 0, 1).astype(np.float32)
            used = np.flatnonzero(weight)
            if used.size:
                light[used] += weight[used, None] * _sampled(picture, u[used], v[used])
        return light


def plain(colour: Light) -> Swatch:
    """A swatch of one colour, linear light (3,)."""
    return Swatch(to_levels(_PLAIN * colour))


def _sampled(picture: Light, u: NDArray[np.float32], v: NDArray[np.float32]) -> Light:
    height, width = picture.shape[:2]
    places = np.stack([(v % 1) * height - 0.5, (u % 1) * width - 0.5])
    channels = [
        ndimage.map_coordinates(picture[..., channel], places, order=1, mode="grid-wrap")
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1)
