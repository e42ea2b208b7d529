"""Search in texts of any language: n-grams find the rows, the text itself decides.

Many rows may contain a letter, and few a long word. So a search first walks the best rows of its
order, and only when these hold too little does it gather every match by its n-grams: neither does
it sort a whole table, nor does it trust an estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Text, and_, any_, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain.pagination import (
    AnyRow,
    AnySelect,
    Fetch,
    Keyset,
    Page,
    PageRequest,
    Part,
    Show,
    in_parts,
)

WALKED = 1000

Ids = AnySelect | CompoundSelect[*tuple[Any, ...]]


def cleaned(session: Session, typed: str) -> str:
    """Return what somebody typed as texts are compared: NFKC, lower-cased, blanks collapsed."""
    found: str = session.scalars(select(func.searchable(typed))).one()
    return found


def contains(
    grams: InstrumentedAttribute[list[str]], text: InstrumentedAttribute[str], sought: str
) -> ColumnElement[bool]:
    """Return the condition that a text, whose n-grams are given, contains a cleaned text."""
    wanted = func.ngrams(sought, type_=ARRAY(Text))
    return and_(grams.contains(wanted), func.strpos(func.searchable(text), sought) > 0)


def page_of(
    session: Session, searches: Sequence["Search"], keyset: Keyset, page: PageRequest, show: Show
) -> Page:
    """Return a page of what the first search finds, then of what the next one finds."""
    parts = []
    for number, search in enumerate(searches):
        own = replace(keyset, binding=keyset.binding | {"part": number})
        parts.append(Part(own, search.fetch(session, own)))
    return in_parts(parts, page, show)


@dataclass(frozen=True)
class Search:
    """What is looked through, and what is looked for.

    `offered` selects the ids of all that may be found, `gathered` of all among them that match.
    """

    shown: AnySelect
    id: InstrumentedAttribute[int]
    offered: AnySelect
    gathered: Ids
    matches: ColumnElement[bool]

    def fetch(self, session: Session, keyset: Keyset) -> Fetch:
        """Return how to fetch so many matches behind a cursor."""

        def fetched(cursor: str | None, limit: int) -> Sequence[AnyRow]:
            best = keyset.behind(self.offered, cursor).limit(WALKED)
            found = self._among(best).limit(limit)
            rows = session.execute(keyset.behind(found, cursor)).all()
            if len(rows) < limit:
                found = self._among(self.gathered).limit(limit)
                rows = session.execute(keyset.behind(found, cursor)).all()
            return rows

        return fetched

    def _among(self, ids: Ids) -> AnySelect:
        # As an array, so that PostgreSQL has the ids before it touches the rows.
        first = any_(func.array(ids.scalar_subquery()))
        return self.shown.where(self.id == first, self.matches)
