"""The rectangle of a photo that a canvas shows, upright and flat, and the way back."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.rules.colour import Levels, Light, Mask, to_linear
from gpu.rules.edges import Painter
from gpu.rules.errors import InvalidRule
from gpu.rules.texture import Placement

Size = tuple[int, int]
"""Width and height in pixels."""
Sides = tuple[int, int, int, int]
"""Left, top, right and bottom of a box, in pixels."""

SMALL, PORTRAIT, LARGE = (512, 512), (512, 1024), (1024, 1024)
"""The sizes of canvases that the engine paints."""
TALL = 1.5
"""Times as high as wide: from here on a portrait shows more of a region."""
ENLARGED = 1.25
"""Times: so far a canvas of 512 pixels is enlarged; else a larger one is painted."""
ANOTHER_PART = "the style was painted for another part of the photo"

_SURROUNDINGS = 1 / 8  # of the region's longer side, beyond each of its sides


@dataclass(frozen=True)
class Shown:
    """What a canvas (H, W) shows: sRGB `levels`, and where the region is.

    `touched` are pixels that show any of the region, `covered` those that show nothing else; what
    lies beyond the photo is covered like its mirror image, and never touched.
    """

    levels: Levels
    touched: Mask
    covered: Mask


class CanvasFrame(Protocol):
    """How a canvas lies in a photo."""

    @property
    def size(self) -> Size:
        """Width and height of the canvas."""
        ...

    @property
    def numbers(self) -> tuple[float, ...]:
        """What the frame is kept as."""
        ...

    def shown(self, photo: Image.Image, region: Mask) -> Shown:
        """What the canvas shows of an RGB or RGBA photo and of a region (H, W) in it."""
        ...

    def painter(self, image: Image.Image, region: Mask, placement: Placement) -> Painter:
        """Lay a picture of the canvas's size on a region (H, W) at a placement in its photo.

        Raises InvalidRule where the canvas does not show the region.
        """
        ...


@dataclass(frozen=True)
class Frame:
    """The rectangle of a photo that a canvas shows, in the photo's pixels, and the canvas's size.

    It may reach beyond the photo. `size` is (width, height) of the canvas; both have one scale.
    """

    left: int
    top: int
    width: int
    height: int
    size: Size

    @classmethod
    def of(cls, region: Mask) -> "Frame":
        """A frame around a region (H, W) that is true somewhere, with its surroundings."""
        left, top, right, bottom = bounds(region)
        height, width = bottom - top, right - left
        margin = round(max(height, width) * _SURROUNDINGS)
        tall, wide = height + 2 * margin, width + 2 * margin
        longest = max(region.shape)
        if tall >= TALL * wide:
            size = PORTRAIT
            tall = min(max(tall, 2 * wide, PORTRAIT[1]), max(longest, 2 * width))
            tall += tall % 2
            wide = tall // 2
        else:
            wide = tall = min(max(tall, wide, SMALL[0]), longest)
            size = SMALL if wide <= ENLARGED * SMALL[0] else LARGE
        first_column = _start(left, width, wide, region.shape[1])
        first_row = _start(top, height, tall, region.shape[0])
        return cls(first_column, first_row, wide, tall, size)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Left, top, width and height."""
        return self.left, self.top, self.width, self.height

    def shown(self, photo: Image.Image, region: Mask) -> Shown:
        """See `CanvasFrame.shown`."""
        inner = left, top, right, bottom = self._inner(photo.width, photo.height)
        beyond = (
            (top - self.top, self.top + self.height - bottom),
            (left - self.left, self.left + self.width - right),
        )
        seen = Image.fromarray(
            np.pad(
                np.asarray(photo.crop(inner).convert("RGB")), (*beyond, (0, 0)), mode="symmetric"
            )
        )
        part = region[top:bottom, left:right]
        return Shown(
            np.asarray(seen.resize(self.size, Image.Resampling.LANCZOS)),
            touched=_touched(np.pad(part, beyond), self.size),
            covered=_touched(np.pad(part, beyond, "symmetric"), self.size),
        )

    def painter(self, image: Image.Image, region: Mask, placement: Placement) -> Painter:
        """See `CanvasFrame.painter`."""
        left, top, right, bottom = bounds(region)
        x, y = placement.left - self.left, placement.top - self.top
        box = left + x, top + y, right + x, bottom + y
        if min(box) < 0 or box[2] > self.width or box[3] > self.height:
            raise InvalidRule("value", ANOTHER_PART)
        size = (right - left, bottom - top)
        laid = np.asarray(image.resize(size, Image.Resampling.BICUBIC, self._on_canvas(box)))

        def painted(_: Light, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Light:
            return to_linear(laid[rows - top, columns - left])

        return painted

    def _on_canvas(self, box: Sides) -> tuple[float, float, float, float]:
        """Sides of a box inside the frame, from the photo's pixels to those of the canvas."""
        # multiplied first: what ends with the frame ends with the canvas, to the bit
        left, top, right, bottom = (side * self.size[0] / self.width for side in box)
        return left, top, right, bottom

    def _inner(self, width: int, height: int) -> Sides:
        """The part of the frame inside a photo: left, top, right, bottom."""
        return (
            max(self.left, 0),
            max(self.top, 0),
            min(self.left + self.width, width),
            min(self.top + self.height, height),
        )


def bounds(mask: Mask) -> Sides:
    """Left, top, right and bottom of what is true in a mask (H, W) that is true somewhere."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _start(first: int, length: int, shown: int, available: int) -> int:
    """Where `shown` pixels begin that have a part in their middle, inside the photo if they fit."""
    if shown >= available:
        return (available - shown) // 2
    return min(max(first + (length - shown) // 2, 0), available - shown)


def _touched(mask: Mask, size: Size) -> Mask:
    """Pixels of a canvas that a mask touches: each is painted as a whole."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    touched: Mask = np.asarray(image.resize(size, Image.Resampling.BOX)) > 0
    return touched
