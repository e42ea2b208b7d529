"""Give a region another colour and keep its shading, its grain and its highlights.

Each pixel is split into body and highlight (see `reflection`); the body becomes the target, the
highlight stays as it is, so that it keeps the colour of the lamp.
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
    """The colour map that takes the median of a region to the target.

    The medians of three channels are no colour of any one pixel, and highlights are added after
    the body changed. So the body's target is corrected by what the median of the sample misses.
    With `by_table` the map is made for a table, which misses up to five levels of 255 between its
    grid's colours where a region has one colour only.
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
    # A dark surface shows more contrast than a bright one of the same relief: brightening flattens.
    gamma = float(np.clip(1 - _GAMMA_STEP * np.log2(max(1.0, gain)), _LEAST_GAMMA, 1))

    def recoloured(light: Light) -> Light:
        shading, highlight, rest = reflection.split(light)
        relief = np.power(np.maximum(shading, _LEAST_SHADING), gamma)[..., None]
        changed = relief * target + highlight[..., None] + rest * min(1.0, gain)
        return changed.astype(np.float32)

    return recoloured
