"""Replace the background of a photo by a colour or a swatch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu.rules.colour import Light, Mask, Statistics, luminance
from gpu.rules.edges import Painter
from gpu.rules.swatches import Swatch
from gpu.rules.texture import Placement, Texture, layout


@dataclass(frozen=True)
class Background:
    """A new backdrop: `value` is `#RRGGBB` or the name of a swatch.

    One repeat of a swatch is `share` of the backdrop's width, 0.01–1. `shadow`, 0–1, is the opacity
    of the old backdrop's shadows, which are darker than its median: 0 removes them, 1 keeps them.
    """

    value: str
    share: float = 1.0
    shadow: float = 0.0


@dataclass(frozen=True)
class RemoveBackground:
    """The backdrop becomes transparent."""


def background_painter(
    rule: Background,
    swatch: Swatch,
    region: Mask,
    old: Statistics,
    placement: Placement,
) -> Painter:
    """Paint the region (H, W) with a new backdrop; `placement` as for `texture_painter`."""
    lay = layout(Texture(rule.value, share=rule.share), swatch, region, placement)
    median = max(float(luminance(old.median)), 1e-4)

    def painted(inside: Light, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Light:
        darkness = 1 - np.clip(luminance(inside) / median, 0, 1)
        return (swatch.at(*lay(rows, columns)) * (1 - rule.shadow * darkness)[:, None]).astype(
            np.float32
        )

    return painted
