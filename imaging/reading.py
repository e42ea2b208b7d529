"""Decode a file to an upright picture in sRGB, and flatten transparency."""

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
"""Standard deviation of 255 levels, in every channel, at 256 pixels: below, a picture is blank.

Training uses half of it, so that a picture which passed the upload check is never blank in
training, which reads the stored copy at another scale.
"""

_BLANK_SIDE = 256
_STRIP_ROWS = 256
_SAMPLE_SIDE = 1024
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
_NEAR_WHITE = 32  # of 255: a colour that differs less from white is invisible on it
_INVISIBLE_SHARE = 0.9
_TRANSPARENT_SHARE = 0.25


def read_picture(
    source: bytes | Path,
    *,
    file_format: str | None = None,
    max_pixels: int = MAX_PIXELS,
    reduce_to: int | None = None,
) -> Image.Image:
    """Decode the first frame of a file, upright and in sRGB; RGB, or RGBA with transparency.

    `file_format` is Pillow's name; by default it is detected by the first bytes of PNG or JPEG. A
    JPEG is decoded at a fraction of its size at which both sides have at least `reduce_to` pixels.
    Damaged metadata are ignored.

    Raises PictureRefused: IMAGE_TOO_LARGE_PIXELS before pixels are decoded; IMAGE_CORRUPT for
    another format, damaged pixels, and missing rows.
    """
    data = source.read_bytes() if isinstance(source, Path) else source
    try:
        name = file_format or _format_of(data)
        _check_pixels(_container(data, name, whole=False), max_pixels)
        container = _container(data, name, whole=True)
        # A picture of 50 megapixels takes 200 MB: free the input of each step.
        image = (_whole_jpeg if name == "JPEG" else _decoded)(container.data, name, reduce_to)
        profile = image.info.get("icc_profile")
        colour, alpha = _split(image)
        del image
        picture = to_srgb(colour, container.colour_chunks, profile)
        del colour
    except PictureRefused:
        raise
    except Exception as error:
        # Decoders raise many types: OSError, SyntaxError, ValueError, struct.error.
        raise PictureRefused(RefusalCode.CORRUPT, f"cannot be decoded: {error}") from error
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture.putalpha(alpha)
    transpose = UPRIGHT.get(container.orientation)
    return picture if transpose is None else picture.transpose(transpose)


def flatten(picture: Image.Image) -> Image.Image:
    """Composite an RGBA picture from `read_picture` on a background; RGB is returned unchanged.

    The background is white, or dark slate if at least a quarter of the picture is transparent and
    nine tenths of the rest would be invisible on white.
    """
    if picture.mode != "RGBA":
        return picture
    flat = Image.new("RGB", picture.size, _SLATE if _is_invisible_on_white(picture) else _PAPER)
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat


def pixels_sha256(picture: Image.Image) -> str:
    """SHA-256 of the mode, the size and all pixels."""
    digest = hashlib.sha256(f"{picture.mode} {picture.width}x{picture.height}".encode())
    for strip in _strips(picture):
        digest.update(picture.crop(strip).tobytes())
    return digest.hexdigest()


def is_blank(picture: Image.Image, *, below: float = BLANK_DEVIATION) -> bool:
    """Whether every channel of an RGB picture is nearly constant at 256 pixels."""
    size = _within(picture.size, _BLANK_SIDE)
    levels = np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.float32)
    return bool(levels.std(axis=(0, 1)).max() < below)


def _format_of(data: bytes) -> str:
    for magic, name in ((PNG_MAGIC, "PNG"), (_JPEG_MAGIC, "JPEG")):
        if data.startswith(magic):
            return name
    raise PictureRefused(RefusalCode.CORRUPT, "cannot be read as JPEG or PNG")


def _check_pixels(header: Container, max_pixels: int) -> None:
    if header.width * header.height > max_pixels:
        raise PictureRefused(RefusalCode.TOO_MANY_PIXELS, f"has more than {max_pixels} pixels")


def _container(data: bytes, name: str, *, whole: bool) -> Container:
    if name in CONTAINERS:
        return read_container(io.BytesIO(data), name, whole=whole)
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        return Container(image.width, image.height, data=data)


def _decoded(data: bytes, name: str, reduce_to: int | None) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(name,))
    if reduce_to is not None:
        image.draft(None, (reduce_to, reduce_to))
    image.load()
    return image


def _whole_jpeg(data: bytes, name: str, reduce_to: int | None) -> Image.Image:
    """Decode a JPEG. Raises PictureRefused if its coded data end before its last row.

    It is decoded with padding first, of which only a hash remains in memory.
    """
    extended = padded(data)
    expected = None if extended is None else pixels_sha256(_decoded(extended, name, reduce_to))
    image = _decoded(data, name, reduce_to)
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
        del image.info["transparency"]  # a colour before the conversion to sRGB
        return image, alpha
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return rgba.convert("RGB"), rgba.getchannel("A")
    if image.mode in PROFILE_SPACES:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _split_sixteen_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    # Pillow's conversion clips at 255, so that all but the darkest levels would become white.
    transparent_level = image.info.get("transparency")
    grey = Image.new("L", image.size)
    alpha = None if transparent_level is None else Image.new("L", image.size)
    for strip in _strips(image):
        levels = np.asarray(image.crop(strip)).astype(np.uint32)
        grey.paste(Image.fromarray(((levels + 128) // 257).astype(np.uint8)), strip)
        if alpha is not None:
            alpha.paste(
                Image.fromarray(np.where(levels == transparent_level, 0, 255).astype(np.uint8)),
                strip,
            )
    return grey, alpha


def _is_invisible_on_white(picture: Image.Image) -> bool:
    # A sample of the pixels is enough, and avoids another copy of 50 megapixels.
    sampled = picture.resize(_within(picture.size, _SAMPLE_SIDE), Image.Resampling.NEAREST)
    levels = np.asarray(sampled, dtype=np.float32)
    ink, alpha = levels[..., :3], levels[..., 3]
    opacity = float(alpha.sum())
    if not opacity or 1 - float(alpha.mean()) / 255 < _TRANSPARENT_SHARE:
        return False
    is_pale = (255 - ink).max(axis=2) < _NEAR_WHITE
    return float(alpha[is_pale].sum()) >= _INVISIBLE_SHARE * opacity


def _strips(picture: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of some rows each, to process a picture without a second copy in memory."""
    for top in range(0, picture.height, _STRIP_ROWS):
        yield 0, top, picture.width, min(top + _STRIP_ROWS, picture.height)


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size of the same aspect ratio whose longer side is at most `side`."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
