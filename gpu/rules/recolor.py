"""Give a region another colour and keep its shading, its grain and its highlights.

Each pixel is split into body and highlight (see `reflection`); the body becomes the target, the
highlight stays as it is, so that it keeps the colour of the lamp.
"""

from dataclasses import dataclass

import numpy as np

from gpu.rules.colour import ColourMap, Light, Statistics, luminance, to_levels, to_linear
from gpu.rules.reflection import Reflection

_LEAST_SHADING = 1e-6
_GAMMA_STEP, _LEAST_GAMMA = 0.12, 0.6
_CORRECTIONS = 4


@dataclass(frozen=True)
class Recolor:
    """The median of the region becomes `colour`, linear light (r, g, b) of 0–1."""

    colour: tuple[float, float, float]


def recolor_map(rule: Recolor, region: Statistics) -> ColourMap:
    """The colour map that takes the median of a region to the target.

    The medians of three channels are no colour of any one pixel, and highlights are added after
    the body changed. So the body's target is corrected until the median of the sample is right.
    """
    target = np.array(rule.colour, np.float32)
    wanted = to_levels(target).astype(np.float64)
    reflection = Reflection.of(region)
    best, least, levels = _body_map(target, reflection), float("inf"), wanted
    for _ in range(_CORRECTIONS):
        colour_map = _body_map(target, reflection)
        error = wanted - np.median(to_levels(colour_map(region.sample)), axis=0)
        worst = float(np.abs(error).max())
        if worst < least:
            best, least = colour_map, worst
        if worst == 0:
            break
        levels = np.clip(levels + error, 0, 255)
        target = to_linear(np.rint(levels).astype(np.uint8))
    return best


def _body_map(target: Light, reflection: Reflection) -> ColourMap:
    gain = float(luminance(target)) / float(luminance(reflection.body))
    # A dark surface shows more contrast than a bright one of the same relief: brightening flattens.
    gamma = float(np.clip(1 - _GAMMA_STEP * np.log2(max(1.0, gain)), _LEAST_GAMMA, 1))

    def recoloured(light: Light) -> Light:
        shading, highlight = reflection.split(light)
        rest = light - shading[..., None] * reflection.body - highlight[..., None]
        relief = np.power(np.maximum(shading, _LEAST_SHADING), gamma)[..., None]
        changed = relief * target + highlight[..., None] + rest * min(1.0, gain)
        return changed.astype(np.float32)

    return recoloured
