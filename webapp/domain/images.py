"""Limits of uploaded images, and checks that need no decoding.

`inspect` reads headers only, so it is cheap enough for a request. It looks at the bytes, never at
the file name. Untrusted files are fully decoded in a subprocess (`image_processes`,
`image_decoding`).
"""

import hashlib
import io
import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, NotRequired, TypedDict

from PIL import Image

from imaging.containers import read_container
from imaging.framing import MAX_RATIO
from imaging.reading import CONTAINERS, MAX_PIXELS
from imaging.refusal import PictureRefused

MEGABYTE = 1_048_576

# Pillow only warns of a decompression bomb: make it an error. Once: filters are not thread-safe.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

NEAR_DISTANCE = 4
"""Two perceptual hashes that differ in at most so many of 64 bits count as the same image.

Measured on drawn portfolios in sixteen styles: of 1,152 copies (JPEG quality 50-90, scaled down to
a half) 98.7 % differed in at most 4 bits, and of 4,416 pairs of different artworks by one artist
the nearest differed in 12. Artworks of a series may be as near as copies, so the result is a
warning that the artist may overrule. The hash ignores colour: a recoloured artwork is nearly equal.
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
    """A file that is not accepted: its `code`, the `actual` value and the `limit`.

    `actual` and `limit` are numbers of bytes or pixels, names of formats, or sizes as "511x600";
    both are None for a file that is corrupt or blank. `actual` is None if Pillow refuses a size.
    """

    def __init__(
        self, code: str, actual: int | str | None = None, limit: int | str | None = None
    ) -> None:
        super().__init__(code, actual, limit)
        self.code = ImageCode(code)
        self.actual = actual
        self.limit = limit


class AllowedImage(TypedDict, total=False):
    """The limit that an image broke, as the details of its error name it."""

    accepted: list[str]
    max_bytes: int
    min_width: int
    min_height: int
    max_pixels: int
    max_ratio: int | None


class RefusedImage(TypedDict):
    """One file that is not accepted, as the details of the error list it: see BadImage."""

    idx: int
    filename: str
    code: str
    actual: int | str | None
    limit: int | str | None
    duplicate_of: NotRequired[int]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of one kind of upload: formats by Pillow's names, sides in pixels, bytes, pixels.

    `stored_side` is the longest side of the stored copy; None keeps the size. `max_ratio` is the
    largest ratio of the longer to the shorter side; None allows any. With `refuse_blank` an image
    of one colour is refused. With `is_exact` the copy is always a lossless PNG, with `is_webp` a
    WebP.
    """

    formats: tuple[str, ...]
    min_side: int
    max_bytes: int
    max_pixels: int = MAX_PIXELS
    stored_side: int | None = None
    max_ratio: int | None = None
    refuse_blank: bool = False
    is_exact: bool = False
    is_webp: bool = False

    def allowed(self, code: str) -> AllowedImage:
        """Return the limit that belongs to a code, for the details of its error."""
        limits: dict[str, AllowedImage] = {
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
    refuse_blank=True,
)
# Signing scales a signature down to 2048 pixels; a larger file would only cost time for each image.
SIGNATURE_IMAGE = ImageLimits(("PNG",), min_side=1, max_bytes=2 * MEGABYTE, stored_side=2048)
# The widest page is 1440 pixels wide; a banner is shown four times as wide as high.
BANNER_IMAGE = ImageLimits(
    ("JPEG", "PNG"),
    min_side=200,
    max_bytes=5 * MEGABYTE,
    stored_side=1600,
    max_ratio=MAX_RATIO,
    is_webp=True,
)
PROFILE_IMAGE = ImageLimits(("JPEG", "PNG"), min_side=1, max_bytes=5 * MEGABYTE, stored_side=512)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header of a file says; width and height are after the EXIF rotation."""

    format: str
    width: int
    height: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class SafeImage:
    """A file that we encoded from decoded pixels: 8-bit sRGB, upright, without metadata.

    `format` is "JPEG", "PNG" or "WEBP"; `perceptual_hash` is 16 hex digits, see `are_near`.
    `pixel_sha256` is the hash of the decoded pixels without transparency, so it does not depend on
    the format.
    """

    data: bytes
    format: str
    width: int
    height: int
    sha256: str
    perceptual_hash: str
    pixel_sha256: str


def inspect(data: bytes | BinaryIO, limits: ImageLimits) -> ImageHeader:
    """Check a file by its bytes and header, without decoding a pixel.

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
    file_format = content_type(head)
    if file_format not in limits.formats:
        raise BadImage(ImageCode.INVALID_FORMAT, file_format, ", ".join(limits.formats))
    width, height = _upright_size(stream, file_format, limits)
    if min(width, height) < limits.min_side:
        smallest = f"{limits.min_side}x{limits.min_side}"
        raise BadImage(ImageCode.TOO_SMALL, f"{width}x{height}", smallest)
    if limits.max_ratio and max(width, height) > limits.max_ratio * min(width, height):
        raise BadImage(ImageCode.TOO_LONG, f"{width}x{height}", f"{limits.max_ratio}:1")
    digest = hashlib.sha256()
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    stream.seek(0)
    return ImageHeader(file_format, width, height, digest.hexdigest(), size)


def are_near(first: str, second: str) -> bool:
    """Tell whether two perceptual hashes are of nearly the same image (see NEAR_DISTANCE)."""
    return (int(first, 16) ^ int(second, 16)).bit_count() <= NEAR_DISTANCE


def content_type(head: bytes) -> str:
    """Return the name of the format of a file's first bytes, or "unknown"."""
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


def _upright_size(stream: BinaryIO, name: str, limits: ImageLimits) -> tuple[int, int]:
    is_rotated = False
    try:
        if name in CONTAINERS:
            header = read_container(stream, name, whole=False)
            width, height = header.width, header.height
            is_rotated = header.orientation >= 5  # noqa: PLR2004 - EXIF 2.32
        else:
            stream.seek(0)
            width, height = Image.open(stream, formats=(name,)).size
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadImage(ImageCode.TOO_MANY_PIXELS, None, limits.max_pixels) from error
    except (PictureRefused, OSError, SyntaxError, ValueError) as error:
        raise BadImage(ImageCode.CORRUPT) from error
    if width * height > limits.max_pixels:
        raise BadImage(ImageCode.TOO_MANY_PIXELS, width * height, limits.max_pixels)
    return (height, width) if is_rotated else (width, height)
