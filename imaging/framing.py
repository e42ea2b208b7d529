"""Scale and crop pictures to buckets, without changing their aspect ratio.

A picture is assigned to the bucket with the nearest aspect ratio, scaled to cover it, and cropped
to the part with most edges. A picture of which a crop would show less than half gives several
windows that together show all of it.
"""

import math

import numpy as np
from PIL import Image

from imaging.reading import BLANK_DEVIATION, is_blank

ASPECT_RATIOS = (1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0)
MAX_RATIO = 16
"""Largest aspect ratio of a picture: each of more than nine windows would show too little."""

_CENTRE_PREFERENCE = 0.3  # weight of a crop's distance from the centre against its edges
_MIN_CROP_SHARE = 0.5

Size = tuple[int, int]


def is_too_long(width: int, height: int) -> bool:
    """Whether the aspect ratio of a picture exceeds `MAX_RATIO`."""
    return max(width, height) > MAX_RATIO * min(width, height)


def aspect_buckets(native_side: int, multiple: int) -> tuple[Size, ...]:
    """Sizes (width, height) of about native_side² pixels, each side a multiple of `multiple`."""
    sizes = []
    for ratio in ASPECT_RATIOS:
        width = max(1, round(native_side * math.sqrt(ratio) / multiple)) * multiple
        height = max(1, round(native_side / math.sqrt(ratio) / multiple)) * multiple
        sizes.append((width, height))
    return tuple(dict.fromkeys(sizes))


def nearest_bucket(picture: Image.Image, buckets: tuple[Size, ...]) -> Size:
    """The bucket whose aspect ratio is nearest on a logarithmic scale."""
    ratio = math.log(picture.width / picture.height)
    return min(buckets, key=lambda size: abs(math.log(size[0] / size[1]) - ratio))


def fit_to_bucket(picture: Image.Image, size: Size) -> Image.Image:
    """Scale to cover the bucket, and crop to the part with most edges."""
    width, height = size
    scaled = _covering(picture, size)
    left = _best_offset(scaled, width, axis=0)
    top = _best_offset(scaled, height, axis=1)
    return scaled.crop((left, top, left + width, top + height))


def windows(picture: Image.Image, size: Size) -> tuple[Image.Image, ...]:
    """Crops of one size that represent a picture: one if it shows half of it, else several.

    Several are spaced evenly from end to end; blank ones are left out, unless all are blank.
    """
    scaled = _covering(picture, size)
    axis = 0 if scaled.width / size[0] > scaled.height / size[1] else 1
    length, slack = size[axis], scaled.size[axis] - size[axis]
    if length >= _MIN_CROP_SHARE * scaled.size[axis]:
        return (fit_to_bucket(picture, size),)
    count = math.ceil(scaled.size[axis] / length)
    offsets = [round(slack * index / (count - 1)) for index in range(count)]
    cross_offset = (scaled.size[1 - axis] - size[1 - axis]) // 2
    corners = [
        (offset, cross_offset) if axis == 0 else (cross_offset, offset) for offset in offsets
    ]
    crops = [scaled.crop((left, top, left + size[0], top + size[1])) for left, top in corners]
    return tuple(crop for crop in crops if not is_blank(crop, below=BLANK_DEVIATION / 2)) or (
        crops[0],
    )


def _covering(picture: Image.Image, size: Size) -> Image.Image:
    width, height = size
    scale = max(width / picture.width, height / picture.height)
    scaled_size = (
        max(width, round(picture.width * scale)),
        max(height, round(picture.height * scale)),
    )
    return picture.resize(scaled_size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _best_offset(picture: Image.Image, length: int, *, axis: int) -> int:
    """The offset along x (axis 0) or y (axis 1) at which a window of `length` has most edges."""
    slack = picture.size[axis] - length
    if slack <= 0:
        return 0
    grey = np.asarray(picture.convert("L"), dtype=np.float64)
    profile = np.abs(np.diff(grey, axis=1 - axis)).sum(axis=axis)
    sums = np.concatenate([[0.0], np.cumsum(profile)])
    offsets = np.arange(slack + 1)
    ends = np.minimum(offsets + length, len(profile))
    edges = sums[ends] - sums[np.minimum(offsets, len(profile))]
    distance = np.abs(offsets - slack / 2) / (slack / 2)
    return int(np.argmax(edges * (1.0 - _CENTRE_PREFERENCE * distance)))
