"""Drawing of sheets: margins, pictures in boxes, colour chips and lines of text."""

import io
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from gpu.layouts.album import Colour, InvalidAlbum, Reader
from gpu.layouts.typography import Ink, Style, Weight, width_of, write_line
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
HEADING = 238  # top of the content below a heading

TITLE = Style(68, Weight.BOLD, INK)
SUBTITLE = Style(32, Weight.REGULAR, MUTED)
CAPTION = Style(36, Weight.BOLD, INK)
NOTE = Style(28, Weight.REGULAR, MUTED)
SMALL = Style(26, Weight.REGULAR, MUTED)

_QUALITY = 92
_SAMPLES = 4  # supersampling of chips
_DASH = 14

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True)
class Sheet:
    """A finished sheet: a JPEG and its file name without folder and suffix."""

    name: str
    jpeg: bytes


@dataclass
class Page:
    """A sheet that is being drawn."""

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
        return write_line(self.draw, (x, y), text, style, width=width, is_right=is_right)

    def line(self, y: int, left: int = MARGIN, width: int = INNER) -> None:
        """Draw a thin horizontal line."""
        self.draw.rectangle((left, y, left + width - 1, y + 1), fill=LINE)

    def heading(self, title: str, subtitle: str, right: str) -> None:
        """Write a title and draw a line below it; the content starts at HEADING."""
        half = INNER * 0.4
        baseline = MARGIN + 58
        text_width = self.text(MARGIN, baseline, title, TITLE, INNER * 0.6)
        self.text(MARGIN + INNER, baseline, right, SUBTITLE, half - GAP, is_right=True)
        available = INNER - text_width - half - GAP
        self.text(MARGIN + text_width + 28, baseline, subtitle, SUBTITLE, available)
        self.line(baseline + 40)

    def picture(self, picture: Image.Image, box: Box) -> None:
        """Fit a picture into a box, centred."""
        left, top, width, height = box
        scaled = fit(picture, (width, height))
        corner = left + (width - scaled.width) // 2, top + (height - scaled.height) // 2
        self.image.paste(scaled, corner)

    def fill_picture(self, picture: Image.Image, box: Box) -> None:
        """Fill a box with the centre of a picture."""
        left, top, width, height = box
        self.image.paste(fill(picture, (width, height)), (left, top))

    def empty(self, box: Box, text: str, style: Style = NOTE) -> None:
        """Draw a placeholder for a missing picture: a dashed frame with a text."""
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
        text_width = min(width_of(text, style), width - GAP)
        centre = left + (width - text_width) / 2
        self.text(centre, top + height / 2 + style.size * 0.36, text, style, width - GAP)

    def chip(self, left: int, top: int, side: int, colour: Colour) -> None:
        """Draw a round chip of a colour, or of its material."""
        mask = _disc(side, 0)
        self.image.paste(_chip_picture(colour, side), (left, top), mask)
        outline = Image.new("RGB", (side, side), LINE)
        self.image.paste(outline, (left, top), _disc(side, 2))

    def chips(
        self,
        left: int,
        top: int,
        width: int,
        colours: tuple[Colour, ...],
        *,
        heading_name: str = "",
    ) -> None:
        """Draw a row of chips with names, as many as fit; the number of the others as “+n”.

        A colour whose name is `heading_name`, the text above, is labelled with its hex value.
        """
        x = left
        for index, colour in enumerate(colours):
            hidden = len(colours) - index - 1
            end = left + width - (90 if hidden else 0)
            label = colour.hex if colour.name == heading_name else colour.name
            text_width = width_of(label, SMALL)
            if x + 50 + text_width > end and index:
                self.text(x, top + 29, f"+{hidden + 1}", SMALL, left + width - x)
                return
            self.chip(x, top, 38, colour)
            x += 50 + int(self.text(x + 50, top + 29, label, SMALL, end - x - 50)) + 34

    def jpeg(self) -> bytes:
        """The sheet as a JPEG, the same bytes for the same sheet."""
        return as_jpeg(self.image)


def as_jpeg(image: Image.Image, dots_per_inch: int = 200) -> bytes:
    """A picture as a JPEG without chroma subsampling."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, subsampling=0, dpi=(dots_per_inch, dots_per_inch))
    return stream.getvalue()


def decoded(reader: Reader, min_side: int = WIDTH) -> Image.Image:
    """Decode a picture as RGB on white; a JPEG at a reduced size of at least `min_side` pixels.

    Raises PictureRefused if it cannot be decoded.
    """
    picture = read_picture(reader(), reduce_to=min_side)
    if picture.mode == "RGB":
        return picture
    ground = Image.new("RGB", picture.size, WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def fit(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale the whole picture to fit a size (width, height)."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)


def fill(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale the centre of the picture to fill a size (width, height)."""
    scale = max(size[0] / picture.width, size[1] / picture.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return picture.resize(
        size, Image.Resampling.LANCZOS, (left, top, left + width, top + height), reducing_gap=3
    )


def _disc(side: int, outline: int) -> Image.Image:
    """A mask of a disc, or, with `outline` above 0, of a ring of so many pixels."""
    large = side * _SAMPLES
    mask = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(mask)
    pen.ellipse((0, 0, large - 1, large - 1), fill=255)
    if outline:
        inner = outline * _SAMPLES
        pen.ellipse((inner, inner, large - 1 - inner, large - 1 - inner), fill=0)
    return mask.resize((side, side), Image.Resampling.BOX)


def _chip_picture(colour: Colour, side: int) -> Image.Image:
    if colour.swatch is not None:
        return fill(decoded(colour.swatch, side), (side, side))
    try:
        red, green, blue = bytes.fromhex(colour.hex.removeprefix("#"))
    except ValueError as error:
        raise InvalidAlbum("variants.colours.hex", "must be #RRGGBB") from error
    return Image.new("RGB", (side, side), (red, green, blue))
