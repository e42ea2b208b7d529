"""The watermark of an ordered image: its number, and the secret keys of WATERMARK_KEYS.

The number is drawn when the image is ordered, so a stamping that is repeated writes the same one.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.domain.models.generation import Generation
from webapp.domain.settings import settings

NUMBER_BITS = 64


@dataclass(frozen=True, slots=True)
class Watermark:
    """What is written into an image: a number of 64 random bits, with a key named by its number."""

    number: int
    key_number: int


def draw() -> Watermark:
    """Return the watermark of a new order: a random number, and the newest key."""
    return Watermark(secrets.randbits(NUMBER_BITS), max(keys()))


def assigned(session: Session, generation_id: int) -> Watermark:
    """Return the watermark of an image; draw it for an image that has none yet.

    Images that were ordered before there were watermarks have none. The caller commits before it
    writes the mark into the image.
    """
    drawn = draw()
    session.execute(
        update(Generation)
        .where(Generation.id == generation_id, Generation.watermark_number.is_(None))
        .values(watermark_number=drawn.number, watermark_key_number=drawn.key_number)
    )
    columns = (Generation.watermark_number, Generation.watermark_key_number)
    row = session.execute(select(*columns).where(Generation.id == generation_id)).one()
    return Watermark(row.watermark_number, row.watermark_key_number)


def keys() -> dict[int, bytes]:
    """Return the secret keys of watermarks by their numbers."""
    return settings().watermark_key_bytes()
