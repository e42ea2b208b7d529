"""The watermark of previews and of results of the free plan: words across the whole picture."""

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

WORDS = "STYLE LICENSE"
_SHARE = 1 / 24  # height of the letters, of the picture's shorter side
_LEAST_HEIGHT = 10  # pixels
_OPACITY = 0.3
_ANGLE = 30  # degrees


def watermarked(image: Image.Image) -> Image.Image:
    """The picture, RGB or RGBA, with pale words and their dark outline laid over it.

    The answer has the same size and mode; what is transparent stays transparent.
    """
    height = max(_LEAST_HEIGHT, round(min(image.size) * _SHARE))
    tile, share = _tile(height)
    marked = image.convert("RGB")
    for top in range(0, image.height, tile.height):
        for left in range(0, image.width, tile.width):
            marked.paste(tile, (left, top), share)
    if image.mode == "RGBA":
        marked.putalpha(image.getchannel("A"))
    return marked


@lru_cache(maxsize=16)
def _tile(height: int) -> tuple[Image.Image, Image.Image]:
    """One repeat of the pattern, RGB, and its opacity, L: the words twice, the second half across.

    `height` is that of the letters in pixels.
    """
    stamp = _stamp(height)
    width, line = stamp.width + height, stamp.height + height
    tile = Image.new("LA", (width, 2 * line))
    tile.paste(stamp, (0, 0))
    for left in (width // 2, width // 2 - width):  # what leaves on the right comes in on the left
        tile.paste(stamp, (left, line))
    grey, share = tile.split()
    return Image.merge("RGB", (grey, grey, grey)), share


def _stamp(height: int) -> Image.Image:
    """The words once, turned, LA."""
    font, stroke = ImageFont.load_default(height), max(1, height // 12)
    left, top, right, bottom = font.getbbox(WORDS, stroke_width=stroke)
    flat = Image.new("L", (round(right - left), round(bottom - top)))
    inner, outer = flat.copy(), flat.copy()
    ImageDraw.Draw(inner).text((-left, -top), WORDS, 255, font)
    ImageDraw.Draw(outer).text((-left, -top), WORDS, 255, font, stroke_width=stroke)
    white, share = (
        each.rotate(_ANGLE, Image.Resampling.BICUBIC, expand=True) for each in (inner, outer)
    )
    return Image.merge("LA", (white, share.point(lambda level: round(level * _OPACITY))))
