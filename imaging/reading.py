"""From a file to a picture: decoded, upright, in sRGB, on a ground that shows it."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from imaging.colour import PROFILE_SPACES, to_srgb
from imaging.containers import PNG_MAGIC, Container, padded, read_container
from imaging.refusal import PictureRefused, RefusalCode

MAX_PIXELS = 50_000_000
BLANK_DEVIATION = 2.0
"""Of 255, in every channel, at 256 pixels: below this a person sees one flat colour.

Training draws the line at half of it, so that what a check let pass is never blank to a training,
which reads the stored copy at another scale.
"""

_BLANK_SIDE = 256
_STRIP_ROWS = 256
_GROUND_SIDE = 1024
_JPEG_MAGIC = b"\xff\xd8\xff"
CONTAINERS = ("PNG", "JPEG")
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")

_PAPER, _SLATE = (255, 255, 255), (48, 48, 48)
_NEAR_WHITE = 32  # of 255: ink that differs less from white paper is not seen on it
_VANISHING_SHARE = 0.9
_CLEAR_SHARE = 0.25


def read_picture(
    source: bytes | Path,
    *,
    file_format: str | None = None,
    max_pixels: int = MAX_PIXELS,
    reduce_to: int | None = None,
) -> Image.Image:
    """Decode one file: first frame, upright, sRGB; RGB, or RGBA where there is transparency.

    `file_format` is Pillow's name, by default what the first bytes of a PNG or JPEG say. A JPEG is
    decoded at a fraction of its size where both sides stay at least `reduce_to` pixels. Damaged
    metadata are passed over. Raises PictureRefused: IMAGE_TOO_LARGE_PIXELS before a pixel is
    decoded; IMAGE_CORRUPT for another format, damaged pixels, and rows that are missing.
    """
    data = source.read_bytes() if isinstance(source, Path) else source
    try:
        name = file_format or _format_of(data)
        _check_pixels(_container(data, name, whole=False), max_pixels)
        container = _container(data, name, whole=True)
        # One picture of 50 megapixels is 200 MB: of each step only the result is kept.
        image = (_whole_jpeg if name == "JPEG" else _opened)(container.data, name, reduce_to)
        profile = image.info.get("icc_profile")
        colour, alpha = _split(image)
        del image
        picture = to_srgb(colour, container.said, profile)
        del colour
    except PictureRefused:
        raise
    except Exception as error:
        # Decoders raise whatever they like: OSError, SyntaxError, ValueError, struct.error.
        raise PictureRefused(RefusalCode.CORRUPT, f"cannot be decoded: {error}") from error
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture.putalpha(alpha)
    turn = UPRIGHT.get(container.orientation)
    return picture if turn is None else picture.transpose(turn)


def on_ground(picture: Image.Image) -> Image.Image:
    """Lay a picture from `read_picture` on a ground that shows it; RGB stays as it is.

    The ground is white, as on a page; but dark slate where at least a quarter of the sheet is clear
    and nine tenths of what is drawn on it would vanish on white.
    """
    if picture.mode != "RGBA":
        return picture
    flat = Image.new("RGB", picture.size, _SLATE if _vanishes_on_white(picture) else _PAPER)
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat


def pixels_sha256(picture: Image.Image) -> str:
    """Hash of the mode, the size and every pixel."""
    whole = hashlib.sha256(f"{picture.mode} {picture.width}x{picture.height}".encode())
    for strip in _strips(picture):
        whole.update(picture.crop(strip).tobytes())
    return whole.hexdigest()


def is_blank(picture: Image.Image, *, below: float = BLANK_DEVIATION) -> bool:
    """Whether every channel of an RGB picture is nearly constant, seen at 256 pixels."""
    size = _within(picture.size, _BLANK_SIDE)
    levels = np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.float32)
    return bool(levels.std(axis=(0, 1)).max() < below)


def _format_of(data: bytes) -> str:
    for magic, name in ((PNG_MAGIC, "PNG"), (_JPEG_MAGIC, "JPEG")):
        if data.startswith(magic):
            return name
    raise PictureRefused(RefusalCode.CORRUPT, "cannot be read as JPEG or PNG")


def _check_pixels(header: Container, most: int) -> None:
    if header.width * header.height > most:
        raise PictureRefused(RefusalCode.TOO_MANY_PIXELS, f"has more than {most} pixels")


def _container(data: bytes, name: str, *, whole: bool) -> Container:
    if name in CONTAINERS:
        return read_container(io.BytesIO(data), name, whole=whole)
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        return Container(image.width, image.height, data=data)


def _opened(data: bytes, name: str, reduce_to: int | None) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(name,))
    if reduce_to is not None:
        image.draft(None, (reduce_to, reduce_to))
    image.load()
    return image


def _whole_jpeg(data: bytes, name: str, reduce_to: int | None) -> Image.Image:
    """Decode a JPEG. Raises PictureRefused where its coded data end before its last row.

    It is decoded with padding first, and of that only a hash is kept.
    """
    longer = padded(data)
    expected = None if longer is None else pixels_sha256(_opened(longer, name, reduce_to))
    image = _opened(data, name, reduce_to)
    if expected is not None and pixels_sha256(image) != expected:
        raise PictureRefused(RefusalCode.CORRUPT, "rows of pixels are missing")
    return image


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour as L, RGB or CMYK of 8 bits, and alpha as L or None."""
    if image.mode in _SIXTEEN_BIT:
        return _split_sixteen_bit(image)
    if image.mode in {"LA", "RGBA"}:
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode == "RGB" and image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
        del image.info["transparency"]  # of one colour, which may be another after conversion
        return image, alpha
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in PROFILE_SPACES:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _split_sixteen_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    # Pillow's own conversion clips at 255: everything but the darkest shades would turn white.
    clear = image.info.get("transparency")
    grey = Image.new("L", image.size)
    alpha = None if clear is None else Image.new("L", image.size)
    for strip in _strips(image):
        levels = np.asarray(image.crop(strip)).astype(np.uint32)
        grey.paste(Image.fromarray(((levels + 128) // 257).astype(np.uint8)), strip)
        if alpha is not None:
            alpha.paste(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)), strip)
    return grey, alpha


def _vanishes_on_white(picture: Image.Image) -> bool:
    # Single pixels are enough to count by, and another copy of 50 megapixels would be too much.
    sampled = picture.resize(_within(picture.size, _GROUND_SIDE), Image.Resampling.NEAREST)
    levels = np.asarray(sampled, dtype=np.float32)
    ink, alpha = levels[..., :3], levels[..., 3]
    seen = float(alpha.sum())
    if not seen or 1 - float(alpha.mean()) / 255 < _CLEAR_SHARE:
        return False
    is_pale = (255 - ink).max(axis=2) < _NEAR_WHITE
    return float(alpha[is_pale].sum()) >= _VANISHING_SHARE * seen


def _strips(picture: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of some rows each, for what would take the memory of the whole a second time."""
    for top in range(0, picture.height, _STRIP_ROWS):
        yield 0, top, picture.width, min(top + _STRIP_ROWS, picture.height)


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size of the same shape whose longer side is at most `side`."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
