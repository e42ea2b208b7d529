"""Paint a region in an artist's style: the canvas that is painted, and its way back into the photo.

The generation engine paints canvases of a few sizes; a region has any size. `canvas_of` takes a
region and its surroundings out of a photo, `restyle_painter` lays what was painted over the region.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Mask, luminance, to_levels, to_linear
from gpu.rules.edges import Painter
from gpu.rules.errors import InvalidRule
from gpu.rules.morphology import grown, shrunk
from gpu.rules.restyle_frames import CanvasFrame, Frame, Size
from gpu.rules.restyle_planes import PlaneFrame
from gpu.rules.texture import Face, Placement, Plane

_GROWTH = 3  # canvas pixels: what is read between pixels near the edge of a region is painted too
_BLOCK = 8  # canvas pixels: the light is kept at an eighth of the size
_SPREAD_SHARE = 1 / 16  # of the canvas's longer side
_DARKEST, _BRIGHTEST = 0.5, 2.0  # times: how far light may change what was painted
_OBJECT, _LAMP = 0.2, 2.0  # times the median: what lies outside is no light of the region
_LEAST_SHARE = 1e-4
_OF_A_RECTANGLE = 4  # numbers
_FLARE = 4e-3  # linear light, as in `reflection`: the ratio of two blacks is no light


@dataclass(frozen=True)
class Canvas:
    """What is painted: `picture`, RGB, and `mask`, of one bit a pixel, both of the frame's size."""

    frame: CanvasFrame
    picture: Image.Image
    mask: Image.Image

    def painted(self, image: Image.Image) -> "PaintedCanvas":
        """The canvas with what was painted on it. Raises ValueError for another size or mode."""
        if image.size != self.frame.size or image.mode != "RGB":
            raise ValueError(f"need RGB of {self.frame.size}, not {image.mode} of {image.size}")
        return PaintedCanvas(self, image)


@dataclass(frozen=True)
class PaintedCanvas:
    """A canvas and what was painted on it, RGB of the same size."""

    canvas: Canvas
    image: Image.Image


@dataclass(frozen=True)
class Restyle:
    """Paint a region in a style: `strength`, more than 0 and at most 1, is how much of it changes.

    It is laid in `plane`, or where that is `None` in the region's own (see `planes`). `canvas` is
    `None` until the engine has painted it.
    """

    style_id: str
    strength: float = 0.6
    plane: Plane | None = None
    canvas: PaintedCanvas | None = None


def canvas_of(photo: Image.Image, mask: Mask, faces: Sequence[Face] = ()) -> Canvas:
    """Take a region (H, W) and its surroundings out of an RGB or RGBA photo.

    The canvas lies in the plane of the region's `faces`, which stand from left to right; it is flat
    where there are none, or where they do not fit the region. The same arguments give the same
    canvas. Beyond the photo's border it shows its mirror image. Raises ValueError for a mask of
    another size, or one that covers nothing.
    """
    if mask.shape != (photo.height, photo.width):
        raise ValueError("the mask does not fit the photo")
    if not mask.any():
        raise ValueError("a region of no pixels has no canvas")
    frame = PlaneFrame.of(mask, faces) or Frame.of(mask)
    shown = frame.shown(photo, mask)
    free = grown(shown.touched, _GROWTH)
    core = shrunk(shown.covered, _GROWTH)
    picture = _spread(shown.levels, core & free, free)
    return Canvas(frame, Image.fromarray(picture), Image.fromarray(free))


def frame_of(numbers: Sequence[float], size: Size) -> CanvasFrame:
    """The frame of a canvas of this size that is kept as these numbers."""
    if len(numbers) == _OF_A_RECTANGLE:
        left, top, width, height = (int(number) for number in numbers)
        return Frame(left, top, width, height, size)
    return PlaneFrame.of_numbers(numbers, size)


def _spread(levels: Levels, core: Mask, free: Mask) -> Levels:
    """Spread the colours of a core over the rest of what is free, where any of it is near.

    The edge of a region mixes its colour with what is beside it. Painted as it is, it would become
    a rim; `edges` mixes what was painted with its surroundings anyway.
    """
    share = core.astype(np.float32)[..., None]
    blur = (_GROWTH, _GROWTH, 0)
    total, near = (ndimage.gaussian_filter(each, blur) for each in (levels * share, share))
    colours = np.rint(total / np.maximum(near, _LEAST_SHARE)).astype(np.uint8)
    return np.where((free & ~core)[..., None] & (near > _LEAST_SHARE), colours, levels)


def restyle_painter(rule: Restyle, region: Mask, placement: Placement) -> Painter:
    """Lay what was painted over the region (H, W); `placement` as for `texture_painter`.

    Raises InvalidRule for a rule whose canvas was not painted, or shows another part of the photo.
    """
    if rule.canvas is None:
        raise InvalidRule("value", "the style was not painted for this region")
    return rule.canvas.canvas.frame.painter(_in_its_light(rule.canvas), region, placement)


# ── the light of a region ────────────────────────────────────────────────────────────────────────


def _in_its_light(painted: PaintedCanvas) -> Image.Image:
    """What was painted, under the light of the region instead of its own.

    Light is what is left of luminance without anything finer than a sixteenth of the canvas. So
    shading stays, and no part of a region ends lighter than what it borders on.
    """
    mask = np.asarray(painted.canvas.mask)
    before, after = (np.asarray(each) for each in (painted.canvas.picture, painted.image))
    change = np.clip(_light(before, mask) / _light(after, mask), _DARKEST, _BRIGHTEST)
    smooth = Image.fromarray(change).resize(painted.image.size, Image.Resampling.BICUBIC)
    return Image.fromarray(to_levels(to_linear(after) * np.asarray(smooth)[..., None]))


def _light(levels: Levels, mask: Mask) -> NDArray[np.float32]:
    """Smooth luminance where the mask is, one value per block, as a multiple of its median."""
    share = _blocks(mask.astype(np.float32))
    bright = luminance(to_linear(levels))
    middle = float(np.median(bright[mask]))
    total = _blocks(np.clip(bright, _OBJECT * middle, _LAMP * middle) * mask)
    spread = max(share.shape) * _SPREAD_SHARE
    near = np.maximum(ndimage.gaussian_filter(share, spread), _LEAST_SHARE)
    smooth = ndimage.gaussian_filter(total, spread) / near + _FLARE
    relative: NDArray[np.float32] = smooth / np.median(smooth[share > 0])
    return relative


def _blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of blocks of 8 × 8 canvas pixels."""
    height, width = (side // _BLOCK for side in values.shape)
    means: NDArray[np.float32] = values.reshape(height, _BLOCK, width, _BLOCK).mean(axis=(1, 3))
    return means
