"""Decide whether a shown picture is a registered one, after hashes or a watermark have proposed it.

Hashes only propose: pictures of one style and prompt have near hashes without being one picture. A
watermark only proposes too, because a mark can be copied. The proof lays the shown picture over the
registered one (`overlay.py`) and compares the fine structure tile by tile. They must also agree at
their worst places (`agreement.py`), most where nothing but the pictures speaks for it.
"""

from collections.abc import Iterator
from enum import StrEnum

import imagehash
import numpy as np
from PIL import Image

from gpu.signature.agreement import AGREEMENT_AT_LIMIT
from gpu.signature.overlay import Registered
from gpu.signature.place import (
    ORIENTATIONS,
    Place,
    inside_border,
    oriented,
    whole_place,
)

HASH_BITS = 64
SAME = AGREEMENT_AT_LIMIT  # likeness from which two pictures are one
OTHER = 0.3  # likeness below which two pictures are not one

_HASH_SIDE = 32  # of the picture from which `imagehash.phash` takes its cosine transform
_TRIED_PLACES = 2
_MAX_SHIFT = 6.0  # units, of corners of a whole picture
_MAX_SHIFT_OF_MARK = 16.0  # the same from where a watermark was detected


class Comparison(StrEnum):
    """Answer of a comparison with a registered picture."""

    SAME = "same"
    UNCLEAR = "unclear"
    OTHER = "other"


def hashes(picture: Image.Image) -> tuple[int, ...]:
    """Perceptual hashes (pHash) of a picture in its eight orientations, the unchanged one first.

    Each is the 64 bits of `imagehash.phash` as a signed integer, as PostgreSQL's bigint stores it.
    """
    levels = np.asarray(_hashed_samples(picture))
    return tuple(
        _hash(Image.fromarray(oriented(levels, orientation))) for orientation in range(ORIENTATIONS)
    )


def perceptual_hash(picture: Image.Image) -> int:
    """The first of `hashes`: that of the unchanged picture."""
    return _hash(_hashed_samples(picture))


def likeness(registered: Image.Image, shown: Image.Image) -> float:
    """How surely `shown` is the whole `registered` picture, 0 to 1; from `SAME` it is.

    It may be re-encoded, scaled, stretched, rotated by right angles, mirrored, recoloured as a
    whole, or in a plain border; crops and captions are not recognised. A picture without detail is
    like no other: 0.
    """
    return _whole_likeness(Registered(registered), registered, shown)


def _whole_likeness(frame: Registered, registered: Image.Image, shown: Image.Image) -> float:
    wholes = sorted(
        _wholes(registered, shown), key=lambda whole: frame.rough_likeness(*whole), reverse=True
    )[:_TRIED_PLACES]
    overlays = [
        (frame.overlay(picture, place, max_shift=_MAX_SHIFT), picture) for picture, place in wholes
    ]
    best, picture = max(overlays, key=lambda each: each[0].likeness)
    if best.likeness < SAME:
        return best.likeness
    # What disagrees in one place only may be a caption: it is not called another picture.
    return min(best.likeness, max(OTHER, frame.agreement(picture, best).value))


def _likeness_at_mark(frame: Registered, shown: Image.Image, place: Place) -> float:
    overlay = frame.overlay(shown, place, max_shift=_MAX_SHIFT_OF_MARK)
    if overlay.likeness < SAME:
        return overlay.likeness
    # The mark of one picture may have been copied onto another of the same words.
    return min(overlay.likeness, max(OTHER, frame.agreement(shown, overlay).value_at_mark))


def _wholes(registered: Image.Image, shown: Image.Image) -> Iterator[tuple[Image.Image, Place]]:
    """The shown picture, also without a plain border, and its places in eight orientations."""
    pictures = [shown]
    inside = inside_border(np.asarray(shown.convert("L"), np.float32))
    if inside is not None:
        pictures.append(shown.crop(inside))
    for picture in pictures:
        for orientation in range(ORIENTATIONS):
            yield picture, whole_place(picture.size, registered.size, orientation)


def compared(registered: Image.Image, shown: Image.Image, place: Place | None = None) -> Comparison:
    """Compare with the registered picture of a watermark's number.

    `place` is where the watermark was detected (`Mark.place`); with it, crops are compared with
    their part of the registered picture. Without it, `shown` is taken for the whole picture.
    UNCLEAR: too changed, as by a caption, or with too little detail, to be compared.
    """
    frame = Registered(registered)
    value = (
        _whole_likeness(frame, registered, shown)
        if place is None
        else _likeness_at_mark(frame, shown, place)
    )
    if value >= SAME:
        return Comparison.SAME
    if value < OTHER and frame.has_detail:
        return Comparison.OTHER
    return Comparison.UNCLEAR


def _hashed_samples(picture: Image.Image) -> Image.Image:
    return picture.convert("L").resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.LANCZOS)


def _hash(picture: Image.Image) -> int:
    number = int(str(imagehash.phash(picture)), 16)
    return number - 2**HASH_BITS if number >= 2 ** (HASH_BITS - 1) else number
