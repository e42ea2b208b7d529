"""Decompose the pixels of a region into body colour and highlight.

The dichromatic reflection model (Shafer 1985): a pixel is `shading·body + highlight·white + rest`
in linear light. The body is the median colour of the region.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.rules.colour import Light, Statistics, luminance

# Added to every colour: of a black surface nothing is known but noise, and the ratio of two such
# colours is no shading. About level 13 of 255.
_FLARE = 4e-3
_FAINTEST = 0.08  # of the body's luminance: what a highlight is brighter than
# Saturation of a body below which its hue cannot be told from a lamp's, and above which it can.
_GREY, _COLOURED = 0.3, 0.6
_LEAST_TOP = 1.35  # times the body's luminance: what a matt grey surface reaches by shading alone


@dataclass(frozen=True)
class Reflection:
    """The reflection model of a region: body colour, linear light (3,), and range of its shading.

    The body includes a small offset that is added to every colour before decomposition. `top` is
    the largest shading of a grey body; `trust` is 0 for a grey body and 1 for a coloured one.
    """

    body: Light
    top: float
    trust: float

    @classmethod
    def of(cls, region: Statistics) -> "Reflection":
        """The reflection model of a region."""
        body = region.median + np.float32(_FLARE)
        brightest = np.percentile(luminance(region.sample) + _FLARE, 99.5) / luminance(body)
        saturation = 1 - float(body.min() / body.max())
        trust = float(np.clip((saturation - _GREY) / (_COLOURED - _GREY), 0, 1))
        return cls(body, max(_LEAST_TOP, 1.1 * float(brightest)), trust)

    def split(self, light: Light) -> tuple[NDArray[np.float32], NDArray[np.float32], Light]:
        """Shading (...), highlight (...) and the rest (..., 3) of colours (..., 3).

        `shading·body + highlight + rest` is the colour; shading and highlight are ≥ 0.
        """
        light = light + np.float32(_FLARE)
        basis = np.stack([self.body, np.ones(3, np.float32)], axis=1)
        # Of a coloured body, shading and highlight differ in hue: least squares tells them apart.
        solution = light @ np.linalg.pinv(basis).T.astype(np.float32)
        # Grain is not to be taken for many small highlights, which a dark target would show; and
        # near the body's own colour a table needs a map without a bend.
        body_luminance = np.float32(luminance(self.body))
        highlight = np.maximum(solution[..., 1] - _FAINTEST * body_luminance, 0)
        without = light - highlight[..., None]
        shading = np.maximum((without @ self.body) / np.float32(self.body @ self.body), 0)
        # Of a grey body, only what outshines it can be told to be a highlight.
        brightness = np.maximum(luminance(light) / body_luminance, 0)
        grey_shading = np.minimum(brightness, np.float32(self.top))
        grey_highlight = (brightness - grey_shading) * body_luminance
        trust = np.float32(self.trust)
        shading = shading * trust + grey_shading * (1 - trust)
        highlight = highlight * trust + grey_highlight * (1 - trust)
        rest = light - shading[..., None] * self.body - highlight[..., None]
        return shading, highlight, rest

    def highlight(self, light: Light) -> Light:
        """The highlight of colours (..., 3) as white light, shape (..., 1)."""
        return self.split(light)[1][..., None]
