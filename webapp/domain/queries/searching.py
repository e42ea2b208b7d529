"""Search for a part of a text in any language: an n-gram index finds candidates, strpos decides.

Many rows contain a given letter, few contain a given long word. So a search first reads the first
`WALKED` rows of the list in order. Only when these have too few matches, it reads all matches from
the n-gram index. It never sorts a whole table and does not depend on the planner's estimates.
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


def cleaned(session: Session, text: str) -> str:
    """Return a text as texts are compared: NFKC, lower-cased, blanks collapsed."""
    term: str = session.scalars(select(func.searchable(text))).one()
    return term


def contains(
    grams: InstrumentedAttribute[list[str]], text: InstrumentedAttribute[str], term: str
) -> ColumnElement[bool]:
    """Return the condition that a text column, with its column of n-grams, contains a cleaned term.

    A term of two letters or more is looked up by its pairs only: most texts contain any single
    letter, so the index entries of single letters are long and exclude little.
    """
    size = min(len(term), GRAM)
    pairs = {term[start : start + size] for start in range(len(term) - size + 1)}
    required = array(sorted(pairs), type_=Text)
    return and_(grams.contains(required), func.strpos(func.searchable(text), term) > 0)


def page_of(
    session: Session,
    searches: Sequence["Search | None"],
    keyset: Keyset,
    page: PageRequest,
    show: Show[Item],
) -> Page[Item]:
    """Return a page of the matches of the first search, then of the next ones.

    None stands for a search without matches: a cursor refers to a search by its position.
    """
    parts = []
    for number, search in enumerate(searches):
        if search is None:
            continue
        part = replace(keyset, binding=keyset.binding | {"part": number})
        parts.append(Part(part, search.fetch(session, part)))
    return in_parts(parts, page, show)


@dataclass(frozen=True)
class Search:
    """One search.

    Attributes:
        rows: selects the columns of a result.
        matching_ids: selects the last sort column of all matches, from the n-gram index.
        candidates: selects all rows that could match; None when there are always few matches.
        matches: the condition that a candidate matches.
        condition: holds for all results; excludes the results of earlier searches.

    """

    rows: AnySelect
    matching_ids: Ids
    candidates: AnySelect | None = None
    matches: ColumnElement[bool] = field(default_factory=true)
    condition: ColumnElement[bool] = field(default_factory=true)

    def fetch(self, session: Session, keyset: Keyset) -> Fetch:
        """Return a function that fetches up to a limit of matches behind a cursor."""

        def fetched(cursor: str | None, limit: int) -> Sequence[AnyRow]:
            if self.candidates is not None:
                first = keyset.behind(self.candidates, cursor).limit(WALKED)
                rows = among(first, cursor, limit, self.matches)
                if len(rows) == limit:
                    return rows
            return among(self.matching_ids, cursor, limit)

        def among(
            ids: Ids, cursor: str | None, limit: int, *matches: ColumnElement[bool]
        ) -> Sequence[AnyRow]:
            # An array makes PostgreSQL compute the ids before it reads the rows. MATERIALIZED makes
            # it sort afterwards; else it walks the index again and checks every row in the array.
            columns = [column for column, _, _ in keyset.columns]
            is_among = columns[-1] == any_(func.array(ids.scalar_subquery()))
            results = (
                self.rows.with_only_columns(*columns)
                .where(is_among, self.condition, *matches)
                .cte("results")
                .prefix_with("MATERIALIZED")
            )
            page = keyset.on(results.c).behind(select(*results.c), cursor).limit(limit)
            return session.execute(keyset.look_up(self.rows, page)).all()

        return fetched
