"""A supersampled canvas for flat shapes that also draws one mask per thing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]
Point = tuple[float, float]
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Box:
    """A square in frame pixels in which a thing is drawn."""

    left: float
    top: float
    size: float

    def at(self, point: Point) -> Point:
        """Map a point of the unit square (y down) to frame pixels."""
        return self.left + point[0] * self.size, self.top + point[1] * self.size


@dataclass
class Canvas:
    """Draws in output pixels of a frame (width, height); `flatten` downsamples, which antialiases.

    With `with_masks`, every shape drawn inside `thing()` is also drawn into that thing's mask and
    erased from the earlier masks, so masks contain visible pixels only.
    """

    width: int
    height: int
    with_masks: bool = False
    masks: list[Image.Image] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._size = (self.width * SUPERSAMPLING, self.height * SUPERSAMPLING)
        self._image = Image.new("RGB", self._size)
        self._pen = ImageDraw.Draw(self._image)
        self._mask_pens: list[ImageDraw.ImageDraw] = []
        self._inside = False

    @contextmanager
    def thing(self) -> Iterator[None]:
        """Context in which all shapes are drawn into one new mask."""
        if self.with_masks:
            self.masks.append(Image.new("L", self._size))
            self._mask_pens.append(ImageDraw.Draw(self.masks[-1]))
        self._inside = True
        yield
        self._inside = False

    def _pens(self, fill: Rgb) -> Iterator[tuple[ImageDraw.ImageDraw, Rgb | int]]:
        yield self._pen, fill
        for index, pen in enumerate(self._mask_pens):
            is_top = index == len(self._mask_pens) - 1
            yield pen, 255 if is_top and self._inside else 0

    def gradient(self, top: Rgb, bottom: Rgb, *, until: float = 1.0) -> None:
        """Draw a vertical gradient over the upper share `until` of the frame."""
        rows = max(int(self._size[1] * until), 1)
        ramp = np.linspace(0.0, 1.0, rows)[:, None, None]
        column = (1 - ramp) * np.array(top) + ramp * np.array(bottom)
        strip = Image.fromarray(np.rint(column).astype(np.uint8))
        self._image.paste(strip.resize((self._size[0], rows), Image.Resampling.NEAREST), (0, 0))

    def polygon(self, points: Sequence[Point], fill: Rgb) -> None:
        """Draw a filled polygon."""
        scaled = [(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points]
        for pen, value in self._pens(fill):
            pen.polygon(scaled, fill=value)

    def ellipse(self, box: tuple[float, float, float, float], fill: Rgb) -> None:
        """Draw a filled ellipse inside (left, top, right, bottom)."""
        scaled = [value * SUPERSAMPLING for value in box]
        for pen, value in self._pens(fill):
            pen.ellipse(scaled, fill=value)

    def line(self, points: Sequence[Point], fill: Rgb, width: float) -> None:
        """Draw a line of the given width in output pixels."""
        scaled = [(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points]
        thickness = max(round(width * SUPERSAMPLING), 1)
        for pen, value in self._pens(fill):
            pen.line(scaled, fill=value, width=thickness, joint="curve")

    def flatten(self) -> Image.Image:
        """The frame as an RGB image of (width, height)."""
        return self._image.reduce(SUPERSAMPLING)

    def flatten_masks(self) -> list[Image.Image]:
        """One 8-bit mask per thing, in drawing order, 0–255 by coverage."""
        return [mask.reduce(SUPERSAMPLING) for mask in self.masks]


@dataclass(frozen=True)
class Brush:
    """Draws on a canvas in unit coordinates of a box; sizes are shares of the box."""

    canvas: Canvas
    box: Box

    def polygon(self, points: Sequence[Point], fill: Rgb) -> None:
        """Draw a filled polygon."""
        self.canvas.polygon([self.box.at(point) for point in points], fill)

    def rectangle(self, left: float, top: float, right: float, bottom: float, fill: Rgb) -> None:
        """Draw a filled rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def disc(self, x: float, y: float, radius: float, fill: Rgb) -> None:
        """Draw a filled circle."""
        self.oval(x, y, radius, radius, fill)

    def oval(self, x: float, y: float, across: float, down: float, fill: Rgb) -> None:
        """Draw a filled ellipse by its centre and half axes."""
        left, top = self.box.at((x - across, y - down))
        right, bottom = self.box.at((x + across, y + down))
        self.canvas.ellipse((left, top, right, bottom), fill)

    def line(self, points: Sequence[Point], fill: Rgb, width: float) -> None:
        """Draw a line."""
        self.canvas.line([self.box.at(point) for point in points], fill, width * self.box.size)


def shade(colour: Rgb, factor: float) -> Rgb:
    """Darken (factor below 1) or lighten (above 1, towards white) a colour."""
    if factor <= 1:
        return tuple(int(value * factor) for value in colour)  # type: ignore[return-value]
    return tuple(int(255 - (255 - value) * (2 - factor)) for value in colour)  # type: ignore[return-value]
