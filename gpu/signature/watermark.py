"""An invisible number in a picture, which survives re-encoding, scaling, crops and screenshots.

The mark is a keyed pattern added to the luminance (`chip_map.py`), with error correction
(`convolutional_code.py`); `watermark_search.py` finds it again. It says which number was written
with a key of ours, and nothing of the picture around it: a mark can be copied onto another picture,
so the caller must compare the picture with the registered one before a claim.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.signature.chip_map import (
    CHIP_UNITS,
    CHIPS,
    FRAME_UNITS,
    SAMPLES,
    Plane,
    chip_map,
    high_passed,
    resized,
    sampled,
)
from gpu.signature.convolutional_code import CODED_BITS, DATA_BITS, FREE_DISTANCE
from gpu.signature.watermark_search import MAX_READINGS, luma_of, readings, score_of

MIN_SIDE = 256  # below it a sample of the mark is smaller than a pixel
MAX_RATIO = 5  # longer pictures are not searched as a whole
MIN_SEARCHED_SIDE = 64
MAX_SEARCHED_SIDE = 1024  # larger pictures are reduced, which bounds the time of a search
MIN_SCORE = 11.5
CHECK_QUALITY = 50
PSNRS = (44.0, 42.0, 40.3)  # dB, tried in this order
SAFE_SCORE = 26.0  # after JPEG q50, so that a crop of that JPEG can be read as well

_PLAIN, _PER_LEVEL = 0.7, 0.1  # strength of the mark on flat areas, and more of it by roughness
_LEAST, _MOST = 0.8, 1.4
_LEVEL_SIGMA = 1.5


class PictureTooSmall(ValueError):
    """A side of the picture is too short for a watermark to be written or searched."""

    def __init__(self, size: tuple[int, int], least: int) -> None:
        super().__init__(
            f"no side may be below {least} pixels, this picture is {size[0]}×{size[1]}"
        )
        self.size = size
        self.least = least


@dataclass(frozen=True, slots=True)
class Mark:
    """A number that was read, the number of the key it was written with, and how surely.

    `score` is the agreement of the picture with the number, in standard deviations of a picture
    without a mark; at least 11.5.
    """

    number: int
    key_number: int
    score: float

    @property
    def false_claim_probability(self) -> float:
        """Upper bound of the chance that a picture without a mark gives a score as high as this.

        For one number the signs of the chips are independent of the picture, so that Hoeffding's
        inequality bounds the chance by exp(-score² / 2). The union over all numbers and all
        offsets of a search follows; 9e-7 at the lowest score.
        """
        exponent = DATA_BITS * math.log(2) + math.log(MAX_READINGS) - self.score**2 / 2
        return min(1.0, math.exp(exponent))

    @property
    def wrong_bits_probability(self) -> float:
        """Estimate of the chance that a mark is there but some bits of the number are wrong.

        For noise without structure: each data bit is decided over 24 of the 256 coded bits, the
        free distance of the code. About 1.4 % at the lowest score and 1e-4 at 15.
        """
        distance = self.score * math.sqrt(FREE_DISTANCE / CODED_BITS)
        return min(1.0, DATA_BITS * math.erfc(distance / math.sqrt(2)) / 2)

    @property
    def confidence(self) -> float:
        """Chance that exactly this number was written, by both estimates."""
        return 1 - min(1.0, self.false_claim_probability + self.wrong_bits_probability)


def embed(picture: Image.Image, number: int, key: bytes) -> Image.Image:
    """Write `number` (0 to 2**64 - 1) into an RGB picture and give a new one of the same size.

    Most pictures are changed by 44 dB PSNR. Where the number would be hard to read after a JPEG of
    quality 50 (hatching, grain), it is written at 42 or 40.3 dB. The same arguments give the same
    pixels. Draw numbers at random, so that a wrong reading meets no number that was issued.

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
    """Read the number in an RGB picture, written with any of the numbered `keys`, or give None.

    Without `deep`, only whole pictures are read: re-encoded, scaled, stretched, mirrored or turned
    by a right angle. With it, parts and screenshots are read too, which takes seconds for a picture
    without a mark. At most one in a million pictures without a mark gives a number, for each key.

    Raises PictureTooSmall below 64 pixels, ValueError for another mode or a key of fewer than 16
    bytes.
    """
    _check(picture, MIN_SEARCHED_SIDE)
    longest = max(picture.size)
    if longest > MAX_SEARCHED_SIDE:
        width, height = (max(1, round(side * MAX_SEARCHED_SIDE / longest)) for side in picture.size)
        # Before the luma, which would take 800 MB of memory for 50 megapixels.
        picture = picture.resize((width, height), Image.Resampling.BOX)
    chip_maps = {number: chip_map(key) for number, key in keys.items()}
    for reading in readings(luma_of(picture), chip_maps, deep=deep):
        if reading.score >= MIN_SCORE:
            return Mark(reading.number, reading.key_number, reading.score)
    return None


def _check(picture: Image.Image, least: int) -> None:
    if picture.mode != "RGB":
        raise ValueError(f"need an RGB picture, not {picture.mode}")
    if min(picture.size) < least:
        raise PictureTooSmall(picture.size, least)


def _pattern(luma: Plane, chips: Plane) -> Plane:
    """What is added to every channel: the chips at the picture's size, with a mean square of 1."""
    height, width = luma.shape
    unit = min(height, width) / FRAME_UNITS
    right, bottom = (side / unit / CHIP_UNITS for side in (width, height))
    across, down = math.ceil(right), math.ceil(bottom)
    repeated = chips[np.ix_(np.arange(down) % CHIPS, np.arange(across) % CHIPS)]
    box = (0.0, 0.0, right * SAMPLES, bottom * SAMPLES)
    strength = _strength(luma, (across, down))
    pattern = resized(
        sampled(repeated * strength), (width, height), Image.Resampling.BICUBIC, box=box
    )
    mean_square = float(np.mean(pattern * pattern))
    return pattern / math.sqrt(mean_square)


def _strength(luma: Plane, chips: tuple[int, int]) -> Plane:
    """Relative strength of each chip: rough areas hide more of the mark than flat ones."""
    across, down = chips
    small = resized(luma, (across * SAMPLES, down * SAMPLES), Image.Resampling.BOX)
    rough = high_passed(small)
    level = np.sqrt(ndimage.gaussian_filter(rough * rough, _LEVEL_SIGMA, truncate=2.5))
    of_chips = level.reshape(down, SAMPLES, across, SAMPLES).mean((1, 3))
    strength: Plane = np.clip(_PLAIN + _PER_LEVEL * of_chips, _LEAST, _MOST)
    return strength


def _added(pixels: Plane, pattern: Plane) -> Image.Image:
    marked = np.rint(pixels + pattern[..., None])
    return Image.fromarray(np.clip(marked, 0, 255).astype(np.uint8))


def _as_jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=CHECK_QUALITY)
    return Image.open(stream).convert("RGB")
