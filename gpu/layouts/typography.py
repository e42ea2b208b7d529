"""Text on sheets: fonts, sizes, and truncation to a width.

The fonts are subsets of NanumSquare under the Open Font License (fonts/OFL.txt): Latin and the
2,479 syllables of Hangul that Korean uses.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

_FONTS = Path(__file__).parent / "fonts"
_ELLIPSIS = "…"
_ABSENT = "□"

Ink = tuple[int, int, int]


class Weight(StrEnum):
    """Weights of the font, by the names of their files."""

    REGULAR = "SheetSans-Regular"
    BOLD = "SheetSans-Bold"


@dataclass(frozen=True)
class Style:
    """A size in pixels, a weight and a colour (sRGB levels)."""

    size: int
    weight: Weight
    ink: Ink


@cache
def font(style: Style) -> ImageFont.FreeTypeFont:
    """The font of a style."""
    return _font(style.weight, style.size)


@cache
def _font(weight: Weight, size: int) -> ImageFont.FreeTypeFont:
    # the basic engine, because Raqm depends on libraries outside of Pillow
    return ImageFont.truetype(_FONTS / f"{weight}.ttf", size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _is_drawn(letter: str) -> bool:
    """Whether the font has a glyph of its own for a letter, not that of missing ones."""
    probe = _font(Weight.REGULAR, 32)
    return bytes(probe.getmask(letter)) != bytes(probe.getmask("\U0010fffd"))


def drawable(text: str) -> str:
    """The text on one line in glyphs of the font: accents are removed or letters become □."""
    letters = []
    for letter in " ".join(unicodedata.normalize("NFC", text).split()):
        if letter == " " or _is_drawn(letter):
            letters.append(letter)
            continue
        plain = unicodedata.normalize("NFD", letter)[0]
        if not unicodedata.category(letter).startswith("C"):
            letters.append(plain if _is_drawn(plain) else _ABSENT)
    return "".join(letters)


def width_of(text: str, style: Style) -> float:
    """Width of a line in pixels."""
    return font(style).getlength(drawable(text))


def fitted(text: str, style: Style, width: float) -> str:
    """The text, or its longest beginning with an ellipsis that fits a width in pixels."""
    line = drawable(text)
    if font(style).getlength(line) <= width:
        return line
    while line and font(style).getlength(line.rstrip() + _ELLIPSIS) > width:
        line = line[:-1]
    return line.rstrip() + _ELLIPSIS if line else ""


def write_line(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    style: Style,
    *,
    width: float,
    is_right: bool = False,
) -> float:
    """Write a line whose baseline starts (or ends) at a position; returns its width."""
    line = fitted(text, style, width)
    draw.text(position, line, style.ink, font(style), anchor="rs" if is_right else "ls")
    return font(style).getlength(line)
