"""An invisible watermark with a number, robust to re-encoding, scaling, crops and screenshots.

The mark is a keyed pattern added to the luminance (`chip_map.py`), with error correction
(`convolutional_code.py`); `watermark_search.py` detects it. A detected number proves nothing about
the picture: a mark can be copied onto another one, so the caller must compare the picture with the
registered one.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.signature.chip_grid import luma_of, score_of
from gpu.signature.chip_map import (
    CHIP_UNITS,
    CHIPS,
    SAMPLES,
    Plane,
    chip_map,
    high_passed,
    resized,
    sampled,
)
from gpu.signature.convolutional_code import CODED_BITS, DATA_BITS, FREE_DISTANCE
from gpu.signature.place import FRAME_UNITS, Place, place_of, scaling
from gpu.signature.watermark_search import MAX_READINGS, readings

MIN_SIDE = 256  # with less, a sample of the mark is smaller than a pixel
MAX_RATIO = 5  # pictures with a larger aspect ratio are not searched as a whole
MIN_DETECT_SIDE = 64
MAX_DETECT_SIDE = 1024  # larger pictures are reduced, which bounds the time of a search
MIN_SCORE = 11.5
CHECK_QUALITY = 50
PSNRS = (44.0, 42.0, 40.3)  # dB, tried in this order
SAFE_SCORE = 26.0  # after JPEG q50, so that the mark is detected in crops of that JPEG too

_FLAT_STRENGTH, _STRENGTH_PER_LEVEL = 0.7, 0.1  # on flat areas, and for each level of detail
_MIN_STRENGTH, _MAX_STRENGTH = 0.8, 1.4
_LEVEL_SIGMA = 1.5


class PictureTooSmall(ValueError):
    """A side of the picture is too short to embed or detect a watermark."""

    def __init__(self, size: tuple[int, int], min_side: int) -> None:
        super().__init__(
            f"no side may be below {min_side} pixels, this picture has {size[0]}×{size[1]}"
        )
        self.size = size
        self.min_side = min_side


@dataclass(frozen=True, slots=True)
class Mark:
    """A detected watermark: its number, the number of its key, and the score.

    `score` is the correlation with the number's pattern, in standard deviations of a picture
    without a mark; at least 11.5. `place` is where the searched picture lies in the marked one.
    """

    number: int
    key_number: int
    score: float
    place: Place

    @property
    def false_claim_probability(self) -> float:
        """Upper bound of the probability that a picture without a mark gives this score.

        For one number the signs of the chips are independent of the picture, so Hoeffding's
        inequality bounds the probability by exp(-score² / 2). The union bound over all numbers and
        all offsets of a search is 9e-7 at the lowest score.
        """
        exponent = DATA_BITS * math.log(2) + math.log(MAX_READINGS) - self.score**2 / 2
        return min(1.0, math.exp(exponent))

    @property
    def wrong_bits_probability(self) -> float:
        """Estimated probability that the picture has a mark but some bits of the number are wrong.

        For white noise: an error in a data bit changes at least 24 of the 256 coded bits, the free
        distance of the code. About 1.4 % at the lowest score and 1e-4 at 15.
        """
        distance = self.score * math.sqrt(FREE_DISTANCE / CODED_BITS)
        return min(1.0, DATA_BITS * math.erfc(distance / math.sqrt(2)) / 2)

    @property
    def confidence(self) -> float:
        """Probability that exactly this number was embedded, by both estimates."""
        return 1 - min(1.0, self.false_claim_probability + self.wrong_bits_probability)


def embed(picture: Image.Image, number: int, key: bytes) -> Image.Image:
    """Embed `number` (0 to 2**64 - 1) in an RGB picture; returns a new one of the same size.

    The PSNR is 44 dB, or 42 or 40.3 dB if the score after JPEG of quality 50 is low (hatching,
    grain). The same arguments give the same pixels. Draw numbers at random, so that a wrongly
    decoded number is not one that was issued.

    Raises PictureTooSmall below 256 pixels, ValueError for another mode, a side of more than five
    times the other, a number out of range or a key of fewer than 16 bytes.
    """
    _check(picture, MIN_SIDE)
    if max(picture.size) > MAX_RATIO * min(picture.size):
        raise ValueError(f"a side may be {MAX_RATIO} times the other at most, not {picture.size}")
    keyed = chip_map(key)
    chips = keyed.chips(number)
    pixels = np.asarray(picture, np.float32)
    pattern = _pattern(luma_of(picture), chips)
    for psnr in PSNRS:
        marked = _added(pixels, pattern * (255 / 10 ** (psnr / 20)))
        if score_of(luma_of(_as_jpeg(marked)), chips, keyed) >= SAFE_SCORE:
            break
    return marked


def detect(picture: Image.Image, keys: Mapping[int, bytes], *, deep: bool = True) -> Mark | None:
    """Detect a watermark of any of the numbered `keys` in an RGB picture; None if there is none.

    Without `deep`, only whole pictures are searched: re-encoded, scaled, stretched, mirrored or
    rotated by right angles. With it, crops and screenshots are searched too, which takes seconds
    for a picture without a mark. For each key, the false positive rate is below one in a million.

    Raises PictureTooSmall below 64 pixels, ValueError for another mode or a key of fewer than 16
    bytes.
    """
    _check(picture, MIN_DETECT_SIDE)
    size = picture.size
    longest = max(size)
    if longest > MAX_DETECT_SIDE:
        width, height = (max(1, round(side * MAX_DETECT_SIDE / longest)) for side in picture.size)
        # Reduced first, because the luma of 50 megapixels would take 800 MB of memory.
        picture = picture.resize((width, height), Image.Resampling.BOX)
    chip_maps = {number: chip_map(key) for number, key in keys.items()}
    for reading in readings(luma_of(picture), chip_maps, deep=deep):
        if reading.score >= MIN_SCORE:
            reduced = scaling(picture.width / size[0], picture.height / size[1])
            place = place_of(reading.place.matrix @ reduced)
            return Mark(reading.number, reading.key_number, reading.score, place)
    return None


def _check(picture: Image.Image, min_side: int) -> None:
    if picture.mode != "RGB":
        raise ValueError(f"expected an RGB picture, not {picture.mode}")
    if min(picture.size) < min_side:
        raise PictureTooSmall(picture.size, min_side)


def _pattern(luma: Plane, chips: Plane) -> Plane:
    """The pattern to add to every channel, at the picture's size, with a mean square of 1."""
    height, width = luma.shape
    unit = min(height, width) / FRAME_UNITS
    right, bottom = (side / unit / CHIP_UNITS for side in (width, height))
    columns, rows = math.ceil(right), math.ceil(bottom)
    repeated = chips[np.ix_(np.arange(rows) % CHIPS, np.arange(columns) % CHIPS)]
    box = (0.0, 0.0, right * SAMPLES, bottom * SAMPLES)
    strength = _strength(luma, (columns, rows))
    pattern = resized(
        sampled(repeated * strength), (width, height), Image.Resampling.BICUBIC, box=box
    )
    mean_square = float(np.mean(pattern * pattern))
    return pattern / math.sqrt(mean_square)


def _strength(luma: Plane, chips: tuple[int, int]) -> Plane:
    """Relative strength of each chip: the mark is less visible on detail than on flat areas."""
    columns, rows = chips
    small = resized(luma, (columns * SAMPLES, rows * SAMPLES), Image.Resampling.BOX)
    detail = high_passed(small)
    level = np.sqrt(ndimage.gaussian_filter(detail * detail, _LEVEL_SIGMA, truncate=2.5))
    chip_level = level.reshape(rows, SAMPLES, columns, SAMPLES).mean((1, 3))
    strength: Plane = np.clip(
        _FLAT_STRENGTH + _STRENGTH_PER_LEVEL * chip_level, _MIN_STRENGTH, _MAX_STRENGTH
    )
    return strength


def _added(pixels: Plane, pattern: Plane) -> Image.Image:
    marked = np.rint(pixels + pattern[..., None])
    return Image.fromarray(np.clip(marked, 0, 255).astype(np.uint8))


def _as_jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=CHECK_QUALITY)
    return Image.open(stream).convert("RGB")
