"""Paint a region in an artist's style: the canvas that is painted, and its way back into the photo.

The generation engine paints canvases of a few sizes; a region has any size. `canvas_of` takes a
region and its surroundings out of a photo, `restyle_painter` lays what was painted over the region.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Light, Mask, luminance, to_levels, to_linear
from gpu.rules.edges import Painter
from gpu.rules.errors import InvalidRule
from gpu.rules.morphology import grown, shrunk
from gpu.rules.texture import Placement

SMALL, PORTRAIT, LARGE = (512, 512), (512, 1024), (1024, 1024)
_TALL = 1.5  # times as high as wide: from here on a portrait shows more of a region
_ENLARGED = 1.25  # times: a square of up to 640 pixels is still painted at 512
_SURROUNDINGS = 1 / 8  # of the region's longer side, beyond each of its sides
_GROWTH = 3  # canvas pixels: what is read between pixels near the edge of a region is painted too
_BLOCK = 8  # canvas pixels: the light is kept at an eighth of the size
_SPREAD_SHARE = 1 / 16  # of the canvas's longer side
_DARKEST, _BRIGHTEST = 0.5, 2.0  # times: how far light may change what was painted
_OBJECT, _LAMP = 0.2, 2.0  # times the median: what lies outside is no light of the region
_LEAST_SHARE = 1e-4
_FLARE = 4e-3  # linear light, as in `reflection`: the ratio of two blacks is no light

Sides = tuple[int, int, int, int]
"""Left, top, right and bottom of a box, in pixels."""


@dataclass(frozen=True)
class Frame:
    """The rectangle of a photo that a canvas shows, in the photo's pixels, and the canvas's size.

    It may reach beyond the photo. `size` is (width, height) of the canvas; both have one scale.
    """

    left: int
    top: int
    width: int
    height: int
    size: tuple[int, int]

    def on_canvas(self, box: Sides) -> tuple[float, float, float, float]:
        """Sides of a box inside the frame, from the photo's pixels to those of the canvas."""
        # multiplied first: what ends with the frame ends with the canvas, to the bit
        left, top, right, bottom = (side * self.size[0] / self.width for side in box)
        return left, top, right, bottom


@dataclass(frozen=True)
class Canvas:
    """What is painted: `picture`, RGB, and `mask`, of one bit a pixel, both of the frame's size."""

    frame: Frame
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

    `canvas` is `None` until the engine has painted it.
    """

    style_id: str
    strength: float = 0.6
    canvas: PaintedCanvas | None = None


def canvas_of(photo: Image.Image, mask: Mask) -> Canvas:
    """Take a region (H, W) and its surroundings out of an RGB or RGBA photo.

    The same photo and mask give the same canvas. Beyond the photo's border the canvas shows its
    mirror image. Raises ValueError for a mask of another size, or one that covers nothing.
    """
    if mask.shape != (photo.height, photo.width):
        raise ValueError("the mask does not fit the photo")
    if not mask.any():
        raise ValueError("a region of no pixels has no canvas")
    frame = _frame_of(mask)
    inner = _inner(frame, photo.width, photo.height)
    left, top, right, bottom = inner
    beyond = (
        (top - frame.top, frame.top + frame.height - bottom),
        (left - frame.left, frame.left + frame.width - right),
    )
    seen = Image.fromarray(
        np.pad(np.asarray(photo.crop(inner).convert("RGB")), (*beyond, (0, 0)), mode="symmetric")
    )
    region = mask[top:bottom, left:right]
    touched = _touched(np.pad(region, beyond), frame.size)
    free = grown(touched, _GROWTH)
    # a photo's border is no edge
    core = shrunk(_touched(np.pad(region, beyond, "symmetric"), frame.size), _GROWTH)
    levels = np.asarray(seen.resize(frame.size, Image.Resampling.LANCZOS))
    picture = _spread(levels, core & free, free)
    return Canvas(frame, Image.fromarray(picture), Image.fromarray(free))


def _touched(mask: Mask, size: tuple[int, int]) -> Mask:
    """Pixels of a canvas that a mask touches: each is painted as a whole."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    touched: Mask = np.asarray(image.resize(size, Image.Resampling.BOX)) > 0
    return touched


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


def _frame_of(mask: Mask) -> Frame:
    left, top, right, bottom = _bounds(mask)
    height, width = bottom - top, right - left
    margin = round(max(height, width) * _SURROUNDINGS)
    tall, wide = height + 2 * margin, width + 2 * margin
    longest = max(mask.shape)
    if tall >= _TALL * wide:
        size = PORTRAIT
        tall = min(max(tall, 2 * wide, PORTRAIT[1]), max(longest, 2 * width))
        tall += tall % 2
        wide = tall // 2
    else:
        wide = tall = min(max(tall, wide, SMALL[0]), longest)
        size = SMALL if wide <= _ENLARGED * SMALL[0] else LARGE
    first_column = _start(left, width, wide, mask.shape[1])
    first_row = _start(top, height, tall, mask.shape[0])
    return Frame(first_column, first_row, wide, tall, size)


def _start(first: int, length: int, shown: int, available: int) -> int:
    """Where `shown` pixels begin that have a part in their middle, inside the photo if they fit."""
    if shown >= available:
        return (available - shown) // 2
    return min(max(first + (length - shown) // 2, 0), available - shown)


def _inner(frame: Frame, width: int, height: int) -> Sides:
    """The part of a frame inside a photo: left, top, right, bottom."""
    return (
        max(frame.left, 0),
        max(frame.top, 0),
        min(frame.left + frame.width, width),
        min(frame.top + frame.height, height),
    )


def restyle_painter(rule: Restyle, region: Mask, placement: Placement) -> Painter:
    """Lay what was painted over the region (H, W); `placement` as for `texture_painter`.

    Raises InvalidRule for a rule whose canvas was not painted, or shows another part of the photo.
    """
    if rule.canvas is None:
        raise InvalidRule("value", "the style was not painted for this region")
    left, top, right, bottom = _bounds(region)
    frame, image = rule.canvas.canvas.frame, _in_its_light(rule.canvas)
    x, y = placement.left - frame.left, placement.top - frame.top
    box = left + x, top + y, right + x, bottom + y
    if min(box) < 0 or box[2] > frame.width or box[3] > frame.height:
        raise InvalidRule("value", "the style was painted for another part of the photo")
    size = (right - left, bottom - top)
    laid = np.asarray(image.resize(size, Image.Resampling.BICUBIC, frame.on_canvas(box)))

    def painted(_: Light, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Light:
        return to_linear(laid[rows - top, columns - left])

    return painted


def _bounds(mask: Mask) -> Sides:
    """Left, top, right and bottom of what is true in a mask that is true somewhere."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


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
