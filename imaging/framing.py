"""Pictures to squares and rectangles of pixels, never squashed.

Each goes to the bucket whose aspect ratio is nearest to its own, is scaled until it covers it, and
what sticks out is cropped away from the side where less is going on. One so long that a crop would
keep less than half of it gives several windows, side by side, that together show all of it.
"""

import math

import numpy as np
from PIL import Image

from imaging.reading import BLANK_DEVIATION, is_blank

ASPECT_RATIOS = (1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0)
MAX_RATIO = 16
"""How many times as long as wide a picture may be: more than nine windows show too little each."""

_CENTRE_PULL = 0.3  # how much a central crop is preferred over one with more edges
_LEAST_KEPT = 0.5

Size = tuple[int, int]


def is_too_long(width: int, height: int) -> bool:
    """Whether a picture is longer than windows can show."""
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
    """Scale until the bucket is covered, aspect kept, and crop where most is going on."""
    width, height = size
    scaled = _covering(picture, size)
    left = _best_offset(scaled, width, axis=0)
    top = _best_offset(scaled, height, axis=1)
    return scaled.crop((left, top, left + width, top + height))


def windows(picture: Image.Image, size: Size) -> tuple[Image.Image, ...]:
    """The crops of one size that stand for a picture: one that keeps half of it, or several.

    Several are spread evenly from end to end; those on which nothing is to be seen are left out,
    unless that is true of all.
    """
    scaled = _covering(picture, size)
    axis = 0 if scaled.width / size[0] > scaled.height / size[1] else 1
    length, room = size[axis], scaled.size[axis] - size[axis]
    if length >= _LEAST_KEPT * scaled.size[axis]:
        return (fit_to_bucket(picture, size),)
    count = math.ceil(scaled.size[axis] / length)
    offsets = [round(room * place / (count - 1)) for place in range(count)]
    across = (scaled.size[1 - axis] - size[1 - axis]) // 2
    corners = [(offset, across) if axis == 0 else (across, offset) for offset in offsets]
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
