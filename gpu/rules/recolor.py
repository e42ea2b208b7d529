"""Change the colour of a region without changing its shading, grain and highlights.

Each pixel is decomposed into body and highlight (see `reflection`). The body gets the target
colour; the highlight does not change, because it has the colour of the lamp.
"""

from dataclasses import dataclass

import numpy as np

from gpu.rules.colour import (
    ColourMap,
    Light,
    Statistics,
    luminance,
    map_by_table,
    to_levels,
    to_linear,
)
from gpu.rules.reflection import Reflection

_LEAST_SHADING = 1e-6
_GAMMA_STEP, _LEAST_GAMMA = 0.12, 0.6
_CORRECTIONS = 3


@dataclass(frozen=True)
class Recolor:
    """The median of the region becomes `colour`, linear light (r, g, b) of 0–1."""

    colour: tuple[float, float, float]


def recolor_map(rule: Recolor, region: Statistics, *, by_table: bool = False) -> ColourMap:
    """The colour map that changes the median of a region to the target.

    The medians of three channels are not the colour of a pixel, and highlights are added after the
    body has changed, so the body's target is corrected by the error of the sample's median. With
    `by_table`, the error of a table is corrected too: up to five levels of 255 between its grid
    colours in a region of one colour.
    """
    wanted = np.array(rule.colour, np.float32)
    reflection, target = Reflection.of(region), wanted
    for _ in range(_CORRECTIONS):
        colour_map = _body_map(target, reflection)
        mapped = (
            _through_table(region.sample, colour_map) if by_table else colour_map(region.sample)
        )
        median = np.median(mapped, axis=0).astype(np.float32)
        target = target + wanted - median
    return _body_map(target, reflection)


def _through_table(sample: Light, colour_map: ColourMap) -> Light:
    return to_linear(map_by_table(to_levels(sample)[None], colour_map)[0])


def _body_map(target: Light, reflection: Reflection) -> ColourMap:
    gain = max(0.0, float(luminance(target))) / float(luminance(reflection.body))
    # Of the same relief, a dark surface has more contrast than a bright one: reduce it.
    gamma = float(np.clip(1 - _GAMMA_STEP * np.log2(max(1.0, gain)), _LEAST_GAMMA, 1))

    def recoloured(light: Light) -> Light:
        shading, highlight, rest = reflection.split(light)
        relief = np.power(np.maximum(shading, _LEAST_SHADING), gamma)[..., None]
        changed = relief * target + highlight[..., None] + rest * min(1.0, gain)
        return changed.astype(np.float32)

    return recoloured
