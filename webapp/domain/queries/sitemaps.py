"""What search engines may find: the styles on sale and the public images, part by part.

A part holds what has its id in one range. So it is read by the primary key alone, however much
there is, and what is in it stays in it.
"""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.services import offers

IDS_IN_A_PART = 10_000


class Kind(StrEnum):
    """What can be found."""

    STYLES = "styles"
    IMAGES = "images"


_ROWS = {
    Kind.STYLES: select(Style.id, Style.updated_at).where(*offers.ON_SALE),
    Kind.IMAGES: select(Generation.id, Generation.updated_at).where(
        Generation.is_public, ~Generation.is_flagged
    ),
}
_IDS = {Kind.STYLES: Style.id, Kind.IMAGES: Generation.id}


def parts(session: Session) -> list[tuple[Kind, int]]:
    """Return the kind and number of every part; the first of a kind is 0."""
    return [(kind, number) for kind in Kind for number in range(_count(session, kind))]


def part(session: Session, kind: Kind, number: int) -> Sequence[AnyRow]:
    """Return id and last change of what one part holds, by id; raises NotFound."""
    if number >= _count(session, kind):
        raise NotFound(resource="sitemap", id=number)
    first = number * IDS_IN_A_PART
    column = _IDS[kind]
    statement = _ROWS[kind].where(column > first, column <= first + IDS_IN_A_PART)
    return session.execute(statement.order_by(column)).all()


def _count(session: Session, kind: Kind) -> int:
    newest = session.scalar(select(func.max(_IDS[kind]))) or 0
    return -(-newest // IDS_IN_A_PART)
