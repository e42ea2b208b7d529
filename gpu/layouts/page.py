"""A sheet: paper, margins, pictures in their boxes, chips of colours, and lines of text."""

import io
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from gpu.layouts.album import Colour, InvalidAlbum, Reader
from gpu.layouts.typography import Ink, Style, Weight, width_of, write
from imaging.reading import read_picture

PAPER: Ink = (250, 249, 246)
INK: Ink = (30, 29, 27)
MUTED: Ink = (118, 113, 105)
LINE: Ink = (222, 218, 210)
WHITE: Ink = (255, 255, 255)
_EMPTY: Ink = (240, 238, 233)

WIDTH = 2400
MARGIN = 96
GAP = 32
INNER = WIDTH - 2 * MARGIN
HEADING = 238  # where the content under a heading starts

TITLE = Style(68, Weight.BOLD, INK)
SUBTITLE = Style(32, Weight.REGULAR, MUTED)
CAPTION = Style(36, Weight.BOLD, INK)
NOTE = Style(28, Weight.REGULAR, MUTED)
SMALL = Style(26, Weight.REGULAR, MUTED)

_QUALITY = 92
_SAMPLES = 4  # chips are drawn larger, then averaged, for smooth edges
_DASH = 14

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True)
class Sheet:
    """A finished sheet: a JPEG under its name, without folder and suffix."""

    name: str
    jpeg: bytes


@dataclass
class Page:
    """A sheet while it is laid out."""

    size: tuple[int, int]
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", self.size, PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def text(
        self, x: float, y: float, text: str, style: Style, width: float, *, is_right: bool = False
    ) -> float:
        """Write a line with its baseline at y; return its width."""
        return write(self.draw, (x, y), text, style, width=width, is_right=is_right)

    def line(self, y: int, left: int = MARGIN, width: int = INNER) -> None:
        """Draw a thin line across."""
        self.draw.rectangle((left, y, left + width - 1, y + 1), fill=LINE)

    def heading(self, title: str, subtitle: str, right: str) -> None:
        """Write a title with a line under it; the content starts at HEADING."""
        half = INNER * 0.4
        baseline = MARGIN + 58
        taken = self.text(MARGIN, baseline, title, TITLE, INNER * 0.6)
        self.text(MARGIN + INNER, baseline, right, SUBTITLE, half - GAP, is_right=True)
        room = INNER - taken - half - GAP
        self.text(MARGIN + taken + 28, baseline, subtitle, SUBTITLE, room)
        self.line(baseline + 40)

    def picture(self, picture: Image.Image, box: Box) -> None:
        """Place a picture in the middle of a box, as large as it fits."""
        left, top, width, height = box
        shown = contained(picture, (width, height))
        place = left + (width - shown.width) // 2, top + (height - shown.height) // 2
        self.image.paste(shown, place)

    def covering(self, picture: Image.Image, box: Box) -> None:
        """Fill a box with the middle of a picture."""
        left, top, width, height = box
        self.image.paste(covered(picture, (width, height)), (left, top))

    def empty(self, box: Box, text: str, style: Style = NOTE) -> None:
        """Draw a place without a picture: a dashed frame around a word."""
        left, top, width, height = box
        self.draw.rectangle((left, top, left + width - 1, top + height - 1), fill=_EMPTY)
        for start in range(0, width, 2 * _DASH):
            end = min(start + _DASH, width)
            for y in (top, top + height - 2):
                self.draw.rectangle((left + start, y, left + end - 1, y + 1), fill=MUTED)
        for start in range(0, height, 2 * _DASH):
            end = min(start + _DASH, height)
            for x in (left, left + width - 2):
                self.draw.rectangle((x, top + start, x + 1, top + end - 1), fill=MUTED)
        taken = min(width_of(text, style), width - GAP)
        middle = left + (width - taken) / 2
        self.text(middle, top + height / 2 + style.size * 0.36, text, style, width - GAP)

    def chip(self, left: int, top: int, side: int, colour: Colour) -> None:
        """Draw a round chip of a colour, or of its material."""
        mask = _disc(side, 0)
        self.image.paste(_chip_picture(colour, side), (left, top), mask)
        ring = Image.new("RGB", (side, side), LINE)
        self.image.paste(ring, (left, top), _disc(side, 2))

    def chips(
        self, left: int, top: int, width: int, colours: tuple[Colour, ...], *, under: str = ""
    ) -> None:
        """Draw a row of chips with their names, as many as fit; the rest is counted.

        Where a colour's name already stands above (`under`), its levels are written instead.
        """
        x = left
        for index, colour in enumerate(colours):
            rest = len(colours) - index - 1
            end = left + width - (90 if rest else 0)
            label = colour.hex if colour.name == under else colour.name
            taken = width_of(label, SMALL)
            if x + 50 + taken > end and index:
                self.text(x, top + 29, f"+{rest + 1}", SMALL, left + width - x)
                return
            self.chip(x, top, 38, colour)
            x += 50 + int(self.text(x + 50, top + 29, label, SMALL, end - x - 50)) + 34

    def jpeg(self) -> bytes:
        """The sheet as a JPEG, the same bytes for the same sheet."""
        return as_jpeg(self.image)


def as_jpeg(image: Image.Image, dots_per_inch: int = 200) -> bytes:
    """A picture as a JPEG with whole colour resolution."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, subsampling=0, dpi=(dots_per_inch, dots_per_inch))
    return stream.getvalue()


def opened(reader: Reader, at_least: int = WIDTH) -> Image.Image:
    """Decode a picture as RGB on white. A JPEG may come smaller, but not under `at_least` pixels.

    Raises PictureRefused for what is no picture.
    """
    picture = read_picture(reader(), reduce_to=at_least)
    if picture.mode == "RGB":
        return picture
    ground = Image.new("RGB", picture.size, WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def contained(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The whole picture, as large as it fits a size (width, height)."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)


def covered(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the picture that fills a size (width, height)."""
    scale = max(size[0] / picture.width, size[1] / picture.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return picture.resize(
        size, Image.Resampling.LANCZOS, (left, top, left + width, top + height), reducing_gap=3
    )


def _disc(side: int, ring: int) -> Image.Image:
    """A mask of a disc, or of its outline `ring` pixels wide."""
    large = side * _SAMPLES
    mask = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(mask)
    pen.ellipse((0, 0, large - 1, large - 1), fill=255)
    if ring:
        inner = ring * _SAMPLES
        pen.ellipse((inner, inner, large - 1 - inner, large - 1 - inner), fill=0)
    return mask.resize((side, side), Image.Resampling.BOX)


def _chip_picture(colour: Colour, side: int) -> Image.Image:
    if colour.swatch is not None:
        return covered(opened(colour.swatch, side), (side, side))
    try:
        red, green, blue = bytes.fromhex(colour.hex.removeprefix("#"))
    except ValueError as error:
        raise InvalidAlbum("variants.colours.hex", "must be #RRGGBB") from error
    return Image.new("RGB", (side, side), (red, green, blue))
