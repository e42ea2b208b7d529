"""Keyset pagination: an opaque cursor over the sort columns, bound to its sort and filters.

Each query fetches one row more than the page holds, which shows whether there is a next page; no
totals, no offsets. Rows inserted between two pages never make an id appear twice.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import ColumnElement, Row, Select, Subquery, and_, or_, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from webapp.domain.errors import (
    FieldProblem,
    ValidationFailed,
)

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_CURSOR = 512
MAX_BIGINT = 2**63 - 1
WALKED = 2000  # rows of a list that are filtered in its order, before all matches are sorted
Sortable = ColumnElement[Any] | InstrumentedAttribute[Any]
# A sort column, its name in the rows of the select, and its type in a cursor.
SortColumn = tuple[Sortable, str, type[int | datetime | str]]
AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]
# What a list holds: a dataclass.
Item = TypeVar("Item")
Show = Callable[[AnyRow], Item]
# Fetches a number of rows behind a cursor.
Fetch = Callable[[str | None, int], Sequence[AnyRow]]
# Fetches the rows whose ids a statement selects.
LookUp = Callable[[AnySelect], Sequence[AnyRow]]
Narrowing = Callable[[Any], Sequence[ColumnElement[bool]]]


@dataclass(frozen=True)
class PageRequest:
    """The limit (1 to 100) and the cursor of a page."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list, and the cursor of the following page if there is one."""

    results: list[Item]
    next_cursor: str | None


@dataclass(frozen=True)
class Keyset:
    """The order of one list. `binding` names its sort and filters.

    The last columns are (created_at, id) or another unique key, so that no two rows are equal. All
    sort in one direction, except those named in `opposite`.
    """

    columns: Sequence[SortColumn]
    binding: dict[str, object]
    descending: bool = True
    opposite: frozenset[str] = frozenset()

    def apply(self, statement: AnySelect, page: PageRequest) -> AnySelect:
        """Return the statement ordered, behind the cursor, limited to one row more than a page.

        Raises ValidationFailed for a limit out of range and for a cursor of another list.
        """
        _check_limit(page)
        return self.behind(statement, page.cursor).limit(page.limit + 1)

    def behind(self, statement: AnySelect, cursor: str | None) -> AnySelect:
        """Return the statement ordered and starting behind the cursor, without a limit.

        Raises ValidationFailed for a cursor of another list.
        """
        statement = statement.order_by(*self._order())
        if cursor is not None:
            statement = statement.where(_after(self._directed(), self._read(cursor)))
        return statement

    def look_up(self, statement: AnySelect, ids: AnySelect) -> AnySelect:
        """Return the statement, ordered, for the rows of one page, whose ids `ids` selects.

        An id is the value of the last sort column, and has its name.

        The limit is applied before the joins: a planner that expects many rows would scan whole
        tables for the rows of one page.
        """
        selected = ids.subquery("selected")
        column, name, _ = self.columns[-1]
        statement = statement.join(selected, selected.c[name] == column)
        return statement.order_by(*self._order())

    def near(self, rows: AnySelect, page: PageRequest) -> Subquery:
        """Return the first WALKED rows behind the cursor: the cost of filtering them is bounded."""
        return self.behind(rows, page.cursor).limit(WALKED).subquery("near")

    def gather(self, rows: AnySelect, page: PageRequest) -> AnySelect:
        """Return one page of all matching rows: select them by their filters, then sort.

        `rows` selects the sort columns too. The CTE is materialized so that PostgreSQL does not
        walk the order instead: it can estimate how many rows match, but not how early they come.
        """
        behind = self.behind(rows, page.cursor).order_by(None)
        matches = behind.cte("matches").prefix_with("MATERIALIZED")
        return self.on(matches.c).apply(select(*matches.c), page)

    def find(
        self,
        model: Any,
        rows: AnySelect,
        page: PageRequest,
        look_up: LookUp,
        narrowing: Narrowing = lambda _: (),
    ) -> Sequence[AnyRow]:
        """Return the rows of one page of a model that `rows` selects, as `look_up` fetches them.

        `narrowing` returns, for the model or an alias of it, the conditions that no index has in
        this order. First the next WALKED rows are filtered, which fills a page when matches are
        common. Otherwise all matches are selected by an index of the conditions, and sorted.
        """
        sortable = rows.with_only_columns(*(column for column, _, _ in self.columns))
        if not narrowing(model):
            return look_up(self.apply(sortable, page))
        near = aliased(model, self.near(rows, page))
        nearest = look_up(self.on(near).apply(select(near.id).where(*narrowing(near)), page))
        if len(nearest) > page.limit:
            return nearest
        return look_up(self.gather(sortable.where(*narrowing(model)), page))

    def on(self, source: Any) -> "Keyset":
        """Return the same order over columns of another source that have the same names."""
        columns = [(getattr(source, name), name, kind) for _, name, kind in self.columns]
        return replace(self, columns=columns)

    def merge(self, groups: Subquery, rows: AnySelect, page: PageRequest) -> AnySelect:
        """Return one page of the rows of several groups, from the first page of each group.

        An index has the rows of one group in order, but not those of several. `rows` selects the
        rows of one group, sort columns included, and refers to columns of `groups`.
        """
        first = self.apply(rows, page).lateral("first")
        merged = select(*first.c).select_from(groups).join(first, true())
        return self.on(first.c).apply(merged, page)

    def owns(self, cursor: str) -> bool:
        """Return whether a cursor belongs to this list."""
        try:
            self._read(cursor)
        except ValidationFailed:
            return False
        return True

    def page(self, rows: Sequence[AnyRow], page: PageRequest, show: Show[Item]) -> Page[Item]:
        """Return the page of the fetched rows, of which one may be too many."""
        page_rows = rows[: page.limit]
        has_more = len(rows) > page.limit
        return Page(
            results=[show(row) for row in page_rows],
            next_cursor=self.cursor_of(page_rows[-1]) if has_more else None,
        )

    def cursor_of(self, row: AnyRow) -> str:
        """Return the cursor of the rows behind a row."""
        values = [_portable(row._mapping[name]) for _, name, _ in self.columns]  # noqa: SLF001 - the public mapping of a Row
        raw = orjson.dumps([self._fingerprint(), *values])
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def _order(self) -> list[ColumnElement[Any]]:
        return [column.desc() if falls else column.asc() for column, falls in self._directed()]

    def _directed(self) -> list[tuple[Sortable, bool]]:
        return [(column, self._falls(name)) for column, name, _ in self.columns]

    def _falls(self, name: str) -> bool:
        return self.descending != (name in self.opposite)

    def _read(self, cursor: str) -> list[Any]:
        try:
            fingerprint, *values = _decoded(cursor)
            typed = [
                _typed(value, kind)
                for value, (_, _, kind) in zip(values, self.columns, strict=True)
            ]
        except (ValueError, TypeError, binascii.Error):
            raise _invalid_cursor() from None
        if fingerprint != self._fingerprint():
            raise _invalid_cursor()
        return typed

    def _fingerprint(self) -> str:
        order = [(name, self._falls(name)) for _, name, _ in self.columns]
        bound = orjson.dumps([order, self.binding], option=orjson.OPT_SORT_KEYS, default=str)
        return sha256(bound).hexdigest()[:16]


@dataclass(frozen=True)
class Part:
    """One part of a list; each part has its own binding, which identifies it in a cursor."""

    keyset: Keyset
    fetch: Fetch


def has(rows: AnySelect) -> ColumnElement[bool]:
    """Return the condition that a correlated select has a row; `rows` selects one column.

    EXISTS means the same, but PostgreSQL may hash its subquery, and then reads every like of a
    user for the twenty rows of a page. `rows` has at most one row.
    """
    return rows.scalar_subquery().is_not(None)


def in_parts(parts: Sequence[Part], page: PageRequest, show: Show[Item]) -> Page[Item]:
    """Fetch a page of a list whose parts follow one another, each in its own order.

    Raises ValidationFailed as `Keyset.apply` does.
    """
    _check_limit(page)
    cursor, needed = page.cursor, page.limit + 1
    fetched: list[tuple[Keyset, AnyRow]] = []
    for part in _from_cursor(parts, cursor):
        rows = part.fetch(cursor, needed - len(fetched))
        fetched += [(part.keyset, row) for row in rows]
        if len(fetched) == needed:
            keyset, last = fetched[-2]
            return Page([show(row) for _, row in fetched[:-1]], keyset.cursor_of(last))
        cursor = None
    return Page([show(row) for _, row in fetched], None)


def _from_cursor(parts: Sequence[Part], cursor: str | None) -> Sequence[Part]:
    for number, part in enumerate(parts):
        if cursor is None or part.keyset.owns(cursor):
            return parts[number:]
    raise _invalid_cursor()


def _check_limit(page: PageRequest) -> None:
    if not 1 <= page.limit <= MAX_LIMIT:
        problem = FieldProblem("%(least)d to %(most)d.", least=1, most=MAX_LIMIT)
        raise ValidationFailed(fields={"limit": [problem]})


def _after(directed: Sequence[tuple[Sortable, bool]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition of rows behind these values.

    Columns of one direction are compared as a row; a first column of the other direction has its
    own bound. An index serves both.
    """
    (first, falls), value = directed[0], values[0]
    if all(direction == falls for _, direction in directed):
        keys, after = tuple_(*(column for column, _ in directed)), tuple_(*values)
        return keys < after if falls else keys > after
    beyond = first < value if falls else first > value
    up_to = first <= value if falls else first >= value
    return and_(up_to, or_(beyond, _after(directed[1:], values[1:])))


def _decoded(cursor: str) -> list[Any]:
    if len(cursor) > MAX_CURSOR:
        raise ValueError("too long")
    padded = cursor + "=" * (-len(cursor) % 4)
    decoded = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    if not isinstance(decoded, list):
        raise TypeError("not a list")
    return decoded


def _portable(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _typed(value: Any, kind: type[int | datetime | str]) -> int | datetime | str:
    if kind is int:
        if type(value) is not int or abs(value) > MAX_BIGINT:
            raise ValueError("not a whole number")
        return value
    if type(value) is not str or "\0" in value:
        raise ValueError("not a text that a row can hold")
    if kind is str:
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def _invalid_cursor() -> ValidationFailed:
    return ValidationFailed(fields={"cursor": [FieldProblem("Must be a cursor of this list.")]})
