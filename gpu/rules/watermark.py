"""A visible watermark over a whole photo: our name in a repeated, rotated pattern.

It is white with a soft shadow, so that it is visible on any background, with thin letters, so that
the colours between them can be judged.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TEXT = "Style License"
_ANGLE = 24.0  # degrees, rising to the right
_LETTER_SHARE = 1 / 32  # height of letters as a share of the photo's longer side
_MOST_SHARE = 1 / 14  # and of its shorter side at most: words must fit into a narrow one
_LEAST_LETTERS = 11  # pixels: smaller ones cannot be read
_WHITE, _DARK = 0.42, 0.36  # how much of a pixel becomes white, and black under the shadow
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class _Tile:
    """A repeated pattern: opacity (H, W, 1) of white and of the shadow, 0–1 × 256."""

    white: NDArray[np.uint16]
    dark: NDArray[np.uint16]


def watermarked(image: Image.Image) -> Image.Image:
    """A copy of an RGB or RGBA image with the watermark; alpha does not change.

    Raises ValueError for other modes.
    """
    if image.mode not in {"RGB", "RGBA"}:
        raise ValueError(f"need an RGB or RGBA image, not {image.mode}")
    pixels = np.array(image)
    tile = _tile(_letters(image.size))
    height, width = tile.white.shape[:2]
    columns = np.arange(image.width) % width
    for top in range(0, image.height, _ROWS_AT_ONCE):
        strip = pixels[top : top + _ROWS_AT_ONCE, :, :3]
        rows = np.arange(top, top + len(strip)) % height
        at = np.ix_(rows, columns)
        levels = strip.astype(np.uint16)
        levels -= levels * tile.dark[at] >> 8
        levels += (255 - levels) * tile.white[at] >> 8
        strip[...] = levels.astype(np.uint8)
    return Image.fromarray(pixels)


def _letters(size: tuple[int, int]) -> int:
    """The height of letters in pixels for a photo of a size (width, height)."""
    height = min(max(size) * _LETTER_SHARE, min(size) * _MOST_SHARE)
    return max(_LEAST_LETTERS, round(height))


@lru_cache(maxsize=4)
def _tile(letters: int) -> _Tile:
    """The pattern for letters of a height in pixels."""
    word = _word(letters)
    shadow = word.filter(ImageFilter.GaussianBlur(letters / 16)).point(lambda level: level * 1.6)
    size = (round(word.width * 1.5), round(word.height * 2.2))
    white, dark = _repeated(word, size), _repeated(shadow, size)
    scale = 256 / 255
    return _Tile(
        (white * (_WHITE * scale)).astype(np.uint16)[..., None],
        (dark * (_DARK * scale)).astype(np.uint16)[..., None],
    )


def _word(letters: int) -> Image.Image:
    """The rotated text with a margin for its shadow, as an L image of 0 and 255."""
    font = ImageFont.load_default(letters)
    left, top, right, bottom = font.getbbox(TEXT)
    margin = max(2, letters // 5)
    word = Image.new("L", (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin))
    ImageDraw.Draw(word).text((margin - left, margin - top), TEXT, fill=255, font=font)
    return word.rotate(_ANGLE, Image.Resampling.BICUBIC, expand=True)


def _repeated(word: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A tile with two copies of the text, the second shifted by half a tile, wrapped at borders."""
    width, height = size
    tile = np.zeros((height, width), np.uint8)
    letters = np.asarray(word)
    for left, top in ((0, 0), (width // 2, height // 2)):
        rows = (np.arange(letters.shape[0]) + top) % height
        columns = (np.arange(letters.shape[1]) + left) % width
        at = np.ix_(rows, columns)
        tile[at] = np.maximum(tile[at], letters)
    return tile
