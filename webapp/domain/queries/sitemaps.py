"""The sitemap: styles on sale and public pictures, in parts.

A part is a range of ids, so a query reads it by the primary key alone, and no page moves to
another part when others are added or removed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.services import generations, offers

IDS_IN_A_PART = 10_000


class Kind(StrEnum):
    """The kinds of pages in the sitemap."""

    STYLES = "styles"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the sitemap; the first `number` of a kind is 0."""

    kind: Kind
    number: int


@dataclass(frozen=True, slots=True)
class Entry:
    """The id of a style or picture, and the time of its last change."""

    id: int
    updated_at: datetime


_ROWS = {
    Kind.STYLES: select(Style.id, Style.updated_at).where(*offers.ON_SALE),
    Kind.IMAGES: select(Generation.id, Generation.updated_at).where(*generations.SHOWN),
}
_IDS = {Kind.STYLES: Style.id, Kind.IMAGES: Generation.id}


def parts(session: Session) -> list[Part]:
    """Return all parts."""
    return [Part(kind, number) for kind in Kind for number in range(_count(session, kind))]


def part(session: Session, kind: Kind, number: int) -> list[Entry]:
    """Return the entries of one part, by id; raises NotFound."""
    if number >= _count(session, kind):
        raise NotFound(resource="sitemap", id=number)
    first = number * IDS_IN_A_PART
    column = _IDS[kind]
    statement = _ROWS[kind].where(column > first, column <= first + IDS_IN_A_PART)
    rows = session.execute(statement.order_by(column))
    return [Entry(row.id, row.updated_at) for row in rows]


def _count(session: Session, kind: Kind) -> int:
    newest = session.scalar(select(func.max(_IDS[kind]))) or 0
    return -(-newest // IDS_IN_A_PART)
