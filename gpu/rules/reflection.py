"""What a pixel of a region shows of the body, and what of the lamp that the body mirrors.

The dichromatic reflection model (Shafer 1985): a pixel is `shading·body + highlight·white + rest`
in linear light. The body is the median colour of the region.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.rules.colour import Light, Statistics, luminance

_LEAST_BODY = 1e-3
# Saturation of a body below which its hue cannot be told from a lamp's, and above which it can.
_GREY, _COLOURED = 0.15, 0.40
_LEAST_TOP = 1.35  # times the body's luminance: what a matt grey surface reaches by shading alone


@dataclass(frozen=True)
class Reflection:
    """The body of a region: its colour, linear light (3,), and how much shading brightens it.

    `top` is the greatest shading of a grey body; `trust` is 0 for a grey body and 1 for a coloured
    one.
    """

    body: Light
    top: float
    trust: float

    @classmethod
    def of(cls, region: Statistics) -> "Reflection":
        """The reflection of a region."""
        body = np.maximum(region.median, _LEAST_BODY)
        brightest = float(np.percentile(luminance(region.sample), 99.5)) / float(luminance(body))
        saturation = 1 - float(body.min() / body.max())
        trust = float(np.clip((saturation - _GREY) / (_COLOURED - _GREY), 0, 1))
        return cls(body, max(_LEAST_TOP, 1.1 * brightest), trust)

    def split(self, light: Light) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Shading and highlight of colours (..., 3), each ≥ 0 and of shape (...)."""
        basis = np.stack([self.body, np.ones(3, np.float32)], axis=1)
        # Of a coloured body, shading and highlight differ in hue: least squares tells them apart.
        shading, highlight = np.moveaxis(light @ np.linalg.pinv(basis).T.astype(np.float32), -1, 0)
        along_body = (light @ self.body) / np.float32(self.body @ self.body)
        shading = np.where(highlight < 0, along_body, np.maximum(shading, 0))
        highlight = np.maximum(highlight, 0)
        # Of a grey body, only what outshines it can be told to be a highlight.
        body_luminance = np.float32(luminance(self.body))
        brightness = np.maximum(luminance(light) / body_luminance, 0)
        grey_shading = np.minimum(brightness, np.float32(self.top))
        grey_highlight = (brightness - grey_shading) * body_luminance
        trust = np.float32(self.trust)
        return (
            shading * trust + grey_shading * (1 - trust),
            highlight * trust + grey_highlight * (1 - trust),
        )

    def highlight(self, light: Light) -> Light:
        """The highlight of colours (..., 3) as white light, shape (..., 1)."""
        return self.split(light)[1][..., None]
