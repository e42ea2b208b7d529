"""Search in texts of any language: n-grams find the rows, the text itself decides.

Many rows may contain a letter, and few a long word. So a search first walks the best rows of its
order, and only when these hold too little does it gather every match by its n-grams: neither does
it sort a whole table, nor does it trust an estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Text, and_, any_, func, select, true
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain.queries.pagination import (
    AnyRow,
    AnySelect,
    Fetch,
    Item,
    Keyset,
    Page,
    PageRequest,
    Part,
    Show,
    in_parts,
)

WALKED = 1000
GRAM = 2  # letters, at most; see `ngrams` in the database

Ids = AnySelect | CompoundSelect[*tuple[Any, ...]]


def cleaned(session: Session, typed: str) -> str:
    """Return what somebody typed as texts are compared: NFKC, lower-cased, blanks collapsed."""
    found: str = session.scalars(select(func.searchable(typed))).one()
    return found


def contains(
    grams: InstrumentedAttribute[list[str]], text: InstrumentedAttribute[str], sought: str
) -> ColumnElement[bool]:
    """Return the condition that a text, whose n-grams are given, contains a cleaned text.

    Of more than one letter only the pairs are asked for: single letters are in most texts, and
    their long lists would be read for nothing.
    """
    size = min(len(sought), GRAM)
    pairs = {sought[start : start + size] for start in range(len(sought) - size + 1)}
    wanted = array(sorted(pairs), type_=Text)
    return and_(grams.contains(wanted), func.strpos(func.searchable(text), sought) > 0)


def page_of(
    session: Session,
    searches: Sequence["Search | None"],
    keyset: Keyset,
    page: PageRequest,
    show: Show[Item],
) -> Page[Item]:
    """Return a page of what the first search finds, then of what the next one finds.

    None stands for a search that can find nothing: cursors know a search by its place.
    """
    parts = []
    for number, search in enumerate(searches):
        if search is None:
            continue
        own = replace(keyset, binding=keyset.binding | {"part": number})
        parts.append(Part(own, search.fetch(session, own)))
    return in_parts(parts, page, show)


@dataclass(frozen=True)
class Search:
    """What is looked through, and what is looked for.

    `gathered` selects all that matches by the last column that sorts. Where that may be much,
    `offered` selects all that may be found, and `matches` is asked of the first of these.
    `besides` holds for both: what was found before is not found again.
    """

    shown: AnySelect
    gathered: Ids
    offered: AnySelect | None = None
    matches: ColumnElement[bool] = field(default_factory=true)
    besides: ColumnElement[bool] = field(default_factory=true)

    def fetch(self, session: Session, keyset: Keyset) -> Fetch:
        """Return how to fetch so many matches behind a cursor."""

        def fetched(cursor: str | None, limit: int) -> Sequence[AnyRow]:
            if self.offered is not None:
                best = keyset.behind(self.offered, cursor).limit(WALKED)
                rows = among(best, cursor, limit, self.matches)
                if len(rows) == limit:
                    return rows
            return among(self.gathered, cursor, limit)

        def among(
            ids: Ids, cursor: str | None, limit: int, *matches: ColumnElement[bool]
        ) -> Sequence[AnyRow]:
            # As an array, so that PostgreSQL has the ids before it touches the rows; and sorted
            # apart, or it would walk its index again and ask the array of every row.
            columns = [column for column, _, _ in keyset.columns]
            first = any_(func.array(ids.scalar_subquery()))
            found = (
                self.shown.with_only_columns(*columns)
                .where(columns[-1] == first, self.besides, *matches)
                .cte("found")
                .prefix_with("MATERIALIZED")
            )
            page = keyset.on(found.c).behind(select(*found.c), cursor).limit(limit)
            return session.execute(keyset.look_up(self.shown, page)).all()

        return fetched
