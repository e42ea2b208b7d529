"""Works from files to squares and rectangles of pixels, never squashed.

Each picture goes to the bucket whose aspect ratio is nearest to its own, is scaled until it covers
it, and what sticks out is cropped away from the side where less is going on.
"""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData
from gpu.rendering.pixels import is_blank

MAX_PIXELS = 80_000_000
_ASPECT_RATIOS = (1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0)
_CENTRE_PULL = 0.3  # how much a central crop is preferred over one with more edges

Size = tuple[int, int]


def read_work(path: Path, *, reduce_to: int) -> Image.Image:
    """Decode one JPEG or PNG: upright, sRGB, transparency over white.

    `reduce_to` is the shortest side needed in pixels; JPEGs are decoded at a fraction of their
    size where that suffices. Raises `LowQualityData` naming the file.
    """
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise LowQualityData(f"{path.name} has more than {MAX_PIXELS} pixels")
            profile = opened.info.get("icc_profile")
            opened.draft(None, (reduce_to, reduce_to))
            upright = ImageOps.exif_transpose(opened)
            picture = _to_srgb(upright, profile)
    except (OSError, SyntaxError, ValueError) as error:
        raise LowQualityData(f"{path.name} cannot be read as JPEG or PNG: {error}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise LowQualityData(f"{path.name} has too many pixels") from error
    if is_blank(picture):
        raise LowQualityData(f"{path.name} is blank")
    return picture


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    if picture.mode.startswith("I"):  # 16 bits, which a plain conversion would clip to white
        levels = np.asarray(picture).astype(np.float32) / 257.0
        return Image.fromarray(levels.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if profile and picture.mode in {"RGB", "CMYK", "L"}:
        try:
            return _apply_profile(picture, profile)
        except (ImageCms.PyCMSError, OSError):
            pass  # a damaged profile is no reason to refuse a picture that decodes
    return picture.convert("RGB")


def _apply_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    import io

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    if converted is None:
        raise ImageCms.PyCMSError("no conversion")
    return converted


def aspect_buckets(native_side: int, multiple: int) -> tuple[Size, ...]:
    """Sizes (width, height) of about native_side² pixels, each side a multiple of `multiple`."""
    sizes = []
    for ratio in _ASPECT_RATIOS:
        width = max(1, round(native_side * math.sqrt(ratio) / multiple)) * multiple
        height = max(1, round(native_side / math.sqrt(ratio) / multiple)) * multiple
        sizes.append((width, height))
    return tuple(dict.fromkeys(sizes))


def nearest_bucket(picture: Image.Image, buckets: tuple[Size, ...]) -> Size:
    """The bucket whose aspect ratio is nearest on a logarithmic scale."""
    ratio = math.log(picture.width / picture.height)
    return min(buckets, key=lambda size: abs(math.log(size[0] / size[1]) - ratio))


def fit_to_bucket(picture: Image.Image, size: Size) -> Image.Image:
    """Scale until the bucket is covered, aspect kept, and crop where most is going on."""
    width, height = size
    scale = max(width / picture.width, height / picture.height)
    scaled_size = (
        max(width, round(picture.width * scale)),
        max(height, round(picture.height * scale)),
    )
    scaled = picture.resize(scaled_size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    left = _best_offset(scaled, width, axis=0)
    top = _best_offset(scaled, height, axis=1)
    return scaled.crop((left, top, left + width, top + height))


def _best_offset(picture: Image.Image, length: int, *, axis: int) -> int:
    """Where along x (axis 0) or y (axis 1) a window of `length` holds most edges."""
    room = picture.size[axis] - length
    if room <= 0:
        return 0
    grey = np.asarray(picture.convert("L"), dtype=np.float64)
    profile = np.abs(np.diff(grey, axis=1 - axis)).sum(axis=axis)
    sums = np.concatenate([[0.0], np.cumsum(profile)])
    offsets = np.arange(room + 1)
    ends = np.minimum(offsets + length, len(profile))
    inside = sums[ends] - sums[np.minimum(offsets, len(profile))]
    distance = np.abs(offsets - room / 2) / (room / 2)
    return int(np.argmax(inside * (1.0 - _CENTRE_PULL * distance)))


def prepare_work(path: Path, base: BaseModel) -> Image.Image:
    """A work, decoded and cropped to its bucket for this base model."""
    buckets = aspect_buckets(base.native_side, base.size_multiple)
    picture = read_work(path, reduce_to=max(max(size) for size in buckets))
    return fit_to_bucket(picture, nearest_bucket(picture, buckets))
