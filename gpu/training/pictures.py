"""Works as a training takes them: read by the shared reader, framed for one base model."""

from pathlib import Path

from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData, UnusableWork
from imaging.framing import aspect_buckets, is_too_long, nearest_bucket, windows
from imaging.reading import BLANK_DEVIATION, flatten, is_blank, read_picture
from imaging.refusal import PictureRefused, RefusalCode


def read_work(path: Path, *, reduce_to: int) -> Image.Image:
    """Decode one JPEG or PNG: upright, sRGB, what is clear laid on a ground that shows the rest.

    `reduce_to` is the shortest side needed in pixels; JPEGs are decoded at a fraction of their
    size where that suffices. Raises `LowQualityData` naming the file, also for one that is blank
    or too long: the upload check refuses the same, and is stricter about what counts as blank.
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


def _unusable(path: Path, code: str, why: str) -> LowQualityData:
    return LowQualityData(f"{path.name} {why}", (UnusableWork(path.name, code),))


def prepare_windows(path: Path, base: BaseModel) -> tuple[Image.Image, ...]:
    """A work, decoded and cropped to its bucket for this base model; several crops of a long one.

    Raises what `read_work` raises.
    """
    buckets = aspect_buckets(base.native_side, base.size_multiple)
    picture = read_work(path, reduce_to=max(max(size) for size in buckets))
    return windows(picture, nearest_bucket(picture, buckets))


def prepare_work(path: Path, base: BaseModel) -> Image.Image:
    """The first of `prepare_windows`: one picture that stands for a work when it is measured."""
    return prepare_windows(path, base)[0]
