"""The box of a signature on an image, in integer arithmetic.

The same order gives the same box on every machine. Fractions are rounded half up, except the
maximum height, which is rounded down so that it is never exceeded.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_HEIGHT_PERCENT = 20
MARGIN_PERCENT = 2
MIN_MARGIN = 10


class Position(StrEnum):
    """Position of the signature along the bottom edge."""

    BOTTOM_LEFT = "bottom-left"
    BOTTOM_CENTER = "bottom-center"
    BOTTOM_RIGHT = "bottom-right"


class Size(StrEnum):
    """Width of the signature."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


WIDTH_PERCENT = {Size.SMALL: 15, Size.MEDIUM: 25, Size.LARGE: 35}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; `right` and `bottom` are exclusive."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """Column after the last one of the box."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Row after the last one of the box."""
        return self.top + self.height

    def edges(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom), as Pillow's crop and paste expect it."""
        return self.left, self.top, self.right, self.bottom


def placement(
    image_size: tuple[int, int],
    ink_size: tuple[int, int],
    position: Position = Position.BOTTOM_RIGHT,
    size: Size = Size.MEDIUM,
) -> Box:
    """Box of a signature of `ink_size` (width, height) on an image of `image_size` (width, height).

    The width is 15, 25 or 35 % of the image's width, with the aspect ratio of the ink; the height
    is at most 20 % of the image's height. The margin is 2 % of the shorter side, at least 10
    pixels, and less on images that are too small for it: the box always lies inside the image.

    Raises ValueError if a side is below one pixel.
    """
    if min(*image_size, *ink_size) < 1:
        raise ValueError(f"sides must be at least one pixel: image {image_size}, ink {ink_size}")
    image_width, image_height = image_size
    width, height = _box_size(image_size, ink_size, WIDTH_PERCENT[Size(size)])
    margin = max(MIN_MARGIN, _round_half_up(min(image_size) * MARGIN_PERCENT, 100))
    side = min(margin, image_width - width)
    left = {
        Position.BOTTOM_LEFT: side,
        Position.BOTTOM_CENTER: (image_width - width) // 2,
        Position.BOTTOM_RIGHT: image_width - width - side,
    }[Position(position)]
    top = image_height - height - min(margin, image_height - height)
    return Box(left, top, width, height)


def _box_size(
    image_size: tuple[int, int], ink_size: tuple[int, int], width_percent: int
) -> tuple[int, int]:
    image_width, image_height = image_size
    ink_width, ink_height = ink_size
    width = max(1, _round_half_up(image_width * width_percent, 100))
    # From the image's width, because rounding twice would add an error.
    height = max(1, _round_half_up(image_width * width_percent * ink_height, 100 * ink_width))
    cap = max(1, image_height * MAX_HEIGHT_PERCENT // 100)
    if height > cap:
        width = min(width, max(1, _round_half_up(cap * ink_width, ink_height)))
        height = cap
    return width, height


def _round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
