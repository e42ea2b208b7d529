"""Reading artworks with the shared reader, and cropping them for a base model."""

from pathlib import Path

from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData, UnusableArtwork
from imaging.framing import aspect_buckets, is_too_long, nearest_bucket, windows
from imaging.reading import BLANK_DEVIATION, flatten, is_blank, read_picture
from imaging.refusal import PictureRefused, RefusalCode


def read_artwork(path: Path, *, reduce_to: int) -> Image.Image:
    """Decode one JPEG or PNG: upright, sRGB, transparency over a contrasting background.

    `reduce_to` is the shortest side needed in pixels; JPEGs are decoded at a reduced size where
    that suffices. Raises `LowQualityData` naming the file, also for one that is blank or too long.
    The upload check refuses the same files, and has a stricter limit for blank ones.
    """
    try:
        picture = flatten(read_picture(path, reduce_to=reduce_to))
    except OSError as error:
        raise _unusable(path, RefusalCode.CORRUPT, f"cannot be read: {error}") from error
    except PictureRefused as refusal:
        raise _unusable(path, refusal.code, str(refusal)) from refusal
    if is_too_long(*picture.size):
        raise _unusable(path, RefusalCode.TOO_LONG, "is too long")
    if is_blank(picture, below=BLANK_DEVIATION / 2):
        raise _unusable(path, RefusalCode.BLANK, "is blank")
    return picture


def _unusable(path: Path, code: str, reason: str) -> LowQualityData:
    return LowQualityData(f"{path.name} {reason}", (UnusableArtwork(path.name, code),))


def prepare_windows(path: Path, base: BaseModel) -> tuple[Image.Image, ...]:
    """Decode an artwork and crop it to the nearest aspect bucket; a long one gives several crops.

    Raises what `read_artwork` raises.
    """
    buckets = aspect_buckets(base.native_side, base.size_multiple)
    picture = read_artwork(path, reduce_to=max(max(size) for size in buckets))
    return windows(picture, nearest_bucket(picture, buckets))


def prepare_artwork(path: Path, base: BaseModel) -> Image.Image:
    """The first crop of `prepare_windows`, which represents the artwork in measurements."""
    return prepare_windows(path, base)[0]
