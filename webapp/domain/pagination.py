"""Keyset lists: an opaque cursor over the sort columns, bound to its sort and filters.

A page is fetched with one row more than asked for, which tells whether there is another; no
totals, no offsets. Rows added meanwhile never make an id appear twice.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, Select, Subquery, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from webapp.domain.errors import ValidationFailed

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_CURSOR = 512
MAX_BIGINT = 2**63 - 1
# A column that sorts, named as in the rows of the select, and how to read it from a cursor.
SortColumn = tuple[ColumnElement[Any] | InstrumentedAttribute[Any], str, type[int | datetime]]
AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]
Condition = ColumnElement[bool] | InstrumentedAttribute[bool]


@dataclass(frozen=True)
class PageRequest:
    """Which page a client asks for; `limit` is 1 to 100."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and the cursor of the following page if there is one."""

    results: list[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True)
class Keyset:
    """The order of one list. `binding` names its sort and filters; all columns go one way.

    The columns always end in (created_at, id), so that no two rows are equal.
    """

    columns: Sequence[SortColumn]
    binding: dict[str, Any]
    descending: bool = True

    def apply(self, statement: AnySelect, page: PageRequest) -> AnySelect:
        """Return the statement ordered, starting behind the cursor, with one row to spare.

        Raises ValidationFailed for a limit out of range and for a cursor of another list.
        """
        if not 1 <= page.limit <= MAX_LIMIT:
            raise ValidationFailed(fields={"limit": [f"1 to {MAX_LIMIT}."]})
        statement = statement.order_by(*self._order()).limit(page.limit + 1)
        if page.cursor is None:
            return statement
        after = tuple_(*self._read(page.cursor))
        keys = tuple_(*(column for column, _, _ in self.columns))
        return statement.where(keys < after if self.descending else keys > after)

    def look_up(self, statement: AnySelect, ids: AnySelect) -> AnySelect:
        """Return the statement, ordered, for the rows of one page, whose ids `ids` selects.

        The page is cut before anything is joined to it: a planner that expects many rows would
        read whole tables for the twenty that are shown.
        """
        shown = ids.subquery("shown")
        statement = statement.join(shown, shown.c.id == self.columns[-1][0])
        return statement.order_by(*self._order())

    def merge(self, groups: Subquery, rows: AnySelect, page: PageRequest) -> AnySelect:
        """Return one page of the rows of several groups, from the first page of each group.

        An index holds the rows of one group in order, but not those of several. `rows` selects
        those of one group, sort columns included, and names columns of `groups`.
        """
        first = self.apply(rows, page).lateral("first")
        columns = [(first.c[name], name, kind) for _, name, kind in self.columns]
        merged = select(*first.c).select_from(groups).join(first, true())
        return Keyset(columns, self.binding, self.descending).apply(merged, page)

    def _order(self) -> list[ColumnElement[Any]]:
        columns = [column for column, _, _ in self.columns]
        return [each.desc() if self.descending else each.asc() for each in columns]

    def page(
        self,
        rows: Sequence[AnyRow],
        page: PageRequest,
        show: Callable[[AnyRow], dict[str, Any]],
    ) -> Page:
        """Turn the fetched rows into a page."""
        shown = rows[: page.limit]
        has_more = len(rows) > page.limit
        return Page(
            results=[show(row) for row in shown],
            next_cursor=self._write(shown[-1]) if has_more else None,
        )

    def _write(self, row: AnyRow) -> str:
        values = [_portable(row._mapping[name]) for _, name, _ in self.columns]  # noqa: SLF001 - the public mapping of a Row
        raw = orjson.dumps([self._fingerprint(), *values])
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def _read(self, cursor: str) -> list[Any]:
        try:
            fingerprint, *values = _decoded(cursor)
            typed = [
                _typed(value, kind)
                for value, (_, _, kind) in zip(values, self.columns, strict=True)
            ]
        except (ValueError, TypeError, binascii.Error):
            raise ValidationFailed(fields={"cursor": ["Not a cursor of this list."]}) from None
        if fingerprint != self._fingerprint():
            raise ValidationFailed(fields={"cursor": ["Not a cursor of this list."]})
        return typed

    def _fingerprint(self) -> str:
        order = [name for _, name, _ in self.columns]
        bound = orjson.dumps([order, self.binding], option=orjson.OPT_SORT_KEYS, default=str)
        return sha256(bound).hexdigest()[:16]


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


def _typed(value: Any, kind: type[int | datetime]) -> int | datetime:
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment
    if type(value) is not int or abs(value) > MAX_BIGINT:
        raise ValueError("not a whole number")
    return value
