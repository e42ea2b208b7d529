"""What we take as an image, and the verdict that needs no decoding.

`inspect` reads headers only, so it is cheap enough for a request: content decides, never the name.
Full decoding of what a stranger sent happens elsewhere, in a process that may die
(`image_processes`, `image_decoding`).
"""

import hashlib
import io
import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from PIL import Image

from imaging.containers import read_container
from imaging.framing import MAX_RATIO
from imaging.reading import CONTAINERS, MAX_PIXELS
from imaging.refusal import PictureRefused

MEGABYTE = 1_048_576

# A bomb is refused, never merely reported. Set once for the process: filters are not thread-safe.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

NEAR_DISTANCE = 4
"""Bits of 64 in which two perceptual hashes may differ and still mean the same picture.

Measured on drawn portfolios in sixteen styles: of 1,152 copies (JPEG quality 50-90, scaled down to
a half) 98.7 % stayed within 4 bits, and of 4,416 pairs of different works by one hand the nearest
were 12 apart. Works of a series may be as near as copies are, so this is a warning that the artist
may overrule. Colours do not count: a recoloured work is nearly the same.
"""

CHUNK = 65_536
HEAD = 512
MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"8BPS", "PSD"),
    (b"%!PS", "EPS"),
)


class ImageCode(StrEnum):
    """Verdicts on a file that is not accepted: error codes of docs/api.md."""

    INVALID_FORMAT = "INVALID_IMAGE_FORMAT"
    TOO_HEAVY = "IMAGE_SIZE_EXCEEDED"
    TOO_SMALL = "IMAGE_RESOLUTION_TOO_LOW"
    TOO_MANY_PIXELS = "IMAGE_TOO_LARGE_PIXELS"
    CORRUPT = "IMAGE_CORRUPT"
    TOO_LONG = "IMAGE_TOO_LONG"
    BLANK = "IMAGE_BLANK"


class BadImage(Exception):
    """A file that is not accepted: `code`, what was found, and what is allowed.

    `actual` and `limit` are numbers of bytes or pixels, names of formats, or sizes as "511x600";
    both are None for a file that is corrupt or blank.
    """

    def __init__(
        self, code: str, actual: int | str | None = None, limit: int | str | None = None
    ) -> None:
        super().__init__(code, actual, limit)
        self.code = ImageCode(code)
        self.actual = actual
        self.limit = limit


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a kind of upload may be: formats by Pillow's names, sides in pixels, bytes, pixels.

    `kept_side` is the longest side of the copy that is kept; None keeps the size. `max_ratio` is
    how many times as long as wide it may be, None for any. With `must_show` a blank one is refused.
    With `is_exact` the copy is a PNG of the very pixels, whatever the format was.
    """

    formats: tuple[str, ...]
    min_side: int
    max_bytes: int
    max_pixels: int = MAX_PIXELS
    kept_side: int | None = None
    max_ratio: int | None = None
    must_show: bool = False
    is_exact: bool = False

    def allowed(self, code: str) -> dict[str, Any]:
        """Return the limit behind a verdict, for the details of its error."""
        limits: dict[str, dict[str, Any]] = {
            ImageCode.INVALID_FORMAT: {"accepted": [f"image/{f.lower()}" for f in self.formats]},
            ImageCode.TOO_HEAVY: {"max_bytes": self.max_bytes},
            ImageCode.TOO_SMALL: {"min_width": self.min_side, "min_height": self.min_side},
            ImageCode.TOO_MANY_PIXELS: {"max_pixels": self.max_pixels},
            ImageCode.TOO_LONG: {"max_ratio": self.max_ratio},
        }
        return limits.get(code, {})


TRAINING_IMAGE = ImageLimits(
    ("JPEG", "PNG"),
    min_side=512,
    max_bytes=10 * MEGABYTE,
    max_ratio=MAX_RATIO,
    must_show=True,
)
# Signing scales a drawing down to 2048 pixels; more would be decoded anew for every picture.
SIGNATURE_IMAGE = ImageLimits(("PNG",), min_side=1, max_bytes=2 * MEGABYTE, kept_side=2048)
PROFILE_IMAGE = ImageLimits(("JPEG", "PNG"), min_side=1, max_bytes=5 * MEGABYTE, kept_side=512)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a file says before it is decoded; width and height are as shown, after rotation."""

    format: str
    width: int
    height: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class SafeImage:
    """A file we wrote ourselves from decoded pixels: 8-bit sRGB, upright, without metadata.

    `format` is "JPEG" or "PNG"; `perceptual_hash` is 16 hex digits, see `near`; `pixel_sha256` is
    of the pixels as decoded from what was sent, on their ground, whatever the file's format.
    """

    data: bytes
    format: str
    width: int
    height: int
    sha256: str
    perceptual_hash: str
    pixel_sha256: str


def inspect(data: bytes | BinaryIO, limits: ImageLimits) -> ImageHeader:
    """Judge a file by its bytes and header, without decoding a pixel.

    A stream must be seekable; it is read from its start and left there.

    Raises BadImage: IMAGE_SIZE_EXCEEDED, INVALID_IMAGE_FORMAT, IMAGE_TOO_LARGE_PIXELS,
    IMAGE_RESOLUTION_TOO_LOW, IMAGE_TOO_LONG, or IMAGE_CORRUPT for a header that cannot be read.
    """
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > limits.max_bytes:
        raise BadImage(ImageCode.TOO_HEAVY, size, limits.max_bytes)
    head = stream.read(HEAD)
    found = content_type(head)
    if found not in limits.formats:
        raise BadImage(ImageCode.INVALID_FORMAT, found, ", ".join(limits.formats))
    width, height = _shown_size(stream, found, limits)
    if min(width, height) < limits.min_side:
        least = f"{limits.min_side}x{limits.min_side}"
        raise BadImage(ImageCode.TOO_SMALL, f"{width}x{height}", least)
    if limits.max_ratio and max(width, height) > limits.max_ratio * min(width, height):
        raise BadImage(ImageCode.TOO_LONG, f"{width}x{height}", f"{limits.max_ratio}:1")
    digest = hashlib.sha256()
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    stream.seek(0)
    return ImageHeader(found, width, height, digest.hexdigest(), size)


def near(first: str, second: str) -> bool:
    """Whether two perceptual hashes mean nearly the same picture (see NEAR_DISTANCE)."""
    return (int(first, 16) ^ int(second, 16)).bit_count() <= NEAR_DISTANCE


def content_type(head: bytes) -> str:
    """Name of the format that the first bytes announce, or "unknown"."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return {b"avif": "AVIF", b"heic": "HEIC", b"mif1": "HEIC"}.get(head[8:12], "MP4")
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")):
        return "SVG"
    return "HTML" if text.startswith((b"<!doctype", b"<html")) else "unknown"


def _shown_size(stream: BinaryIO, name: str, limits: ImageLimits) -> tuple[int, int]:
    is_on_its_side = False
    try:
        if name in CONTAINERS:
            header = read_container(stream, name, whole=False)
            width, height = header.width, header.height
            is_on_its_side = header.orientation >= 5  # noqa: PLR2004 - EXIF 2.32
        else:
            stream.seek(0)
            width, height = Image.open(stream, formats=(name,)).size
    except (
        PictureRefused,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        raise BadImage(ImageCode.CORRUPT) from error
    if width * height > limits.max_pixels:
        raise BadImage(ImageCode.TOO_MANY_PIXELS, width * height, limits.max_pixels)
    return (height, width) if is_on_its_side else (width, height)
