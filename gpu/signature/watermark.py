"""An invisible watermark with a number, robust to re-encoding, scaling, crops and screenshots.

The mark is a keyed pattern added to the luminance (`chip_map.py`), with error correction
(`convolutional_code.py`); `watermark_search.py` detects it. A detected number proves nothing about
the picture: a mark can be copied onto another one, so the caller must compare the picture with the
registered one.
"""

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gpu.signature.chip_grid import lowest_score
from gpu.signature.chip_map import (
    CHIP_UNITS,
    CHIPS,
    SAMPLES,
    Plane,
    chip_map,
    high_passed,
    resized,
    sampled,
    squares,
)
from gpu.signature.convolutional_code import CODED_BITS, DATA_BITS, FREE_DISTANCE
from gpu.signature.place import FRAME_UNITS, Place, place_of, scaling
from gpu.signature.watermark_search import MAX_READINGS, readings
from gpu.signature.whitening import local_level, luma_of, most_readable

MIN_SIDE = 256  # with less, a sample of the mark is smaller than a pixel
MAX_RATIO = 5  # pictures with a larger aspect ratio are not searched as a whole
MIN_DETECT_SIDE = 64
MAX_DETECT_SIDE = 1024  # larger pictures are reduced, which bounds the time of a search
MIN_SCORE = 11.6
MIN_CANDIDATE_SCORE = 8.5
CHECK_QUALITY = 50
USUAL_PSNR, ROBUST_PSNR, MIN_PSNR = 44.0, 43.7, 40.1  # dB
SAFE_SCORE = 18.0  # of every crop of three quarters of each side, after JPEG q50

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
    without a mark; at least 8.5. `place` is where the searched picture lies in the marked one.
    """

    number: int
    key_number: int
    score: float
    place: Place

    @property
    def is_certain(self) -> bool:
        """Whether no picture without a mark gives this score; else look the number up."""
        return self.score >= MIN_SCORE

    @property
    def false_claim_probability(self) -> float:
        """Upper bound of the probability that a picture without a mark gives this score.

        For one number the signs of the chips are independent of the picture, so Hoeffding's
        inequality bounds the probability by exp(-score² / 2). The union bound over all numbers and
        all offsets of a search is 7.1e-7 at the lowest score.
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

    The PSNR is 44 dB with a pattern that is stronger on detail, where it is hard to see. If it
    would not be read from crops of a JPEG of quality 50 (hatching, mosaics, gravel), the pattern is
    the one that the reader weighs most in this picture instead, and the PSNR 43.7 to 40 dB. The
    same arguments give the same pixels, but for single ones that another process or machine rounds
    differently, by one level. Draw numbers at random, so that a wrongly decoded number is not one
    that was issued.

    Raises PictureTooSmall below 256 pixels, ValueError for another mode, a side of more than five
    times the other, a number out of range or a key of fewer than 16 bytes.
    """
    _check(picture, MIN_SIDE)
    if max(picture.size) > MAX_RATIO * min(picture.size):
        raise ValueError(f"a side may be {MAX_RATIO} times the other at most, not {picture.size}")
    keyed = chip_map(key)
    chips = keyed.chips(number)
    pixels = np.asarray(picture, np.float32)
    luma = luma_of(picture)

    def lowest(marked: Image.Image) -> float:
        return lowest_score(luma_of(_as_jpeg(marked)), chips, keyed)

    marked = _added(pixels, _pattern(luma, chips, robust=False), USUAL_PSNR)
    if lowest(marked) >= SAFE_SCORE:
        return marked
    robust = _pattern(luma, chips, robust=True)
    marked = _added(pixels, robust, ROBUST_PSNR)
    score = lowest(marked)
    if score >= SAFE_SCORE:
        return marked
    # The score is about proportional to the amplitude.
    missing = 20 * math.log10(SAFE_SCORE / max(score, 1.0))
    return _added(pixels, robust, max(MIN_PSNR, ROBUST_PSNR - missing))


def detect(picture: Image.Image, keys: Mapping[int, bytes], *, deep: bool = True) -> Mark | None:
    """Detect a watermark of any of the numbered `keys` in an RGB picture; None if there is none.

    Without `deep`, only whole pictures are searched: re-encoded, scaled, stretched, mirrored or
    rotated by right angles. With it, crops and screenshots are searched too, which takes seconds
    for a picture without a mark. For each key, the false positive rate is below one in a million.

    Raises PictureTooSmall below 64 pixels, ValueError for another mode or a key of fewer than 16
    bytes.
    """
    return next((mark for mark in candidates(picture, keys, deep=deep) if mark.is_certain), None)


def candidates(
    picture: Image.Image, keys: Mapping[int, bytes], *, deep: bool = True
) -> Iterator[Mark]:
    """Search as `detect` does, and yield marks that are not certain too, from a score of 8.5.

    The search ends with a certain mark. Noise gives such candidates, so each is worth no more than
    the question whether its number was issued: with a million random numbers issued, one in 2e13
    candidates of noise has an issued one. Difficult pictures are read up to 25 % further this way.

    Raises as `detect`.
    """
    _check(picture, MIN_DETECT_SIDE)
    size = picture.size
    longest = max(size)
    if longest > MAX_DETECT_SIDE:
        width, height = (max(1, round(side * MAX_DETECT_SIDE / longest)) for side in size)
        # Reduced first, because the luma of 50 megapixels would take 800 MB of memory.
        picture = picture.resize((width, height), Image.Resampling.BOX)
    reduced = scaling(picture.width / size[0], picture.height / size[1])
    chip_maps = {number: chip_map(key) for number, key in keys.items()}
    for reading in readings(luma_of(picture), chip_maps, deep=deep):
        if reading.score >= MIN_CANDIDATE_SCORE:
            place = place_of(reading.place.matrix @ reduced)
            mark = Mark(reading.number, reading.key_number, reading.score, place)
            yield mark
            if mark.is_certain:
                return


def _check(picture: Image.Image, min_side: int) -> None:
    if picture.mode != "RGB":
        raise ValueError(f"expected an RGB picture, not {picture.mode}")
    if min(picture.size) < min_side:
        raise PictureTooSmall(picture.size, min_side)


def _pattern(luma: Plane, chips: Plane, *, robust: bool) -> Plane:
    """The pattern to add to every channel, at the picture's size, with a mean square of 1."""
    height, width = luma.shape
    unit = min(height, width) / FRAME_UNITS
    right, bottom = (side / unit / CHIP_UNITS for side in (width, height))
    columns, rows = math.ceil(right), math.ceil(bottom)
    repeated = chips[np.ix_(np.arange(rows) % CHIPS, np.arange(columns) % CHIPS)]
    box = (0.0, 0.0, right * SAMPLES, bottom * SAMPLES)
    small = resized(luma, (columns * SAMPLES, rows * SAMPLES), Image.Resampling.BOX)
    detail = high_passed(small)
    if robust:
        # The reader takes the mean of the samples of a chip.
        samples = most_readable(detail, squares(repeated))
    else:
        samples = sampled(repeated * _unobtrusive_strength(_chip_levels(detail)))
    pattern = resized(samples, (width, height), Image.Resampling.BICUBIC, box=box)
    mean_square = float(np.mean(pattern * pattern))
    return pattern / math.sqrt(mean_square)


def _chip_levels(detail: Plane) -> Plane:
    """Local level of the picture's detail at each chip, grey levels."""
    level = local_level(detail, _LEVEL_SIGMA)
    rows, columns = (side // SAMPLES for side in level.shape)
    levels: Plane = level.reshape(rows, SAMPLES, columns, SAMPLES).mean((1, 3))
    return levels


def _unobtrusive_strength(levels: Plane) -> Plane:
    """Relative strength of each chip: the mark is less visible on detail than on flat areas."""
    strength: Plane = np.clip(
        _FLAT_STRENGTH + _STRENGTH_PER_LEVEL * levels, _MIN_STRENGTH, _MAX_STRENGTH
    )
    return strength


def _added(pixels: Plane, pattern: Plane, psnr: float) -> Image.Image:
    amplitude = 255 / 10 ** (psnr / 20)
    marked = np.rint(pixels + amplitude * pattern[..., None])
    return Image.fromarray(np.clip(marked, 0, 255).astype(np.uint8))


def _as_jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=CHECK_QUALITY)
    return Image.open(stream).convert("RGB")
