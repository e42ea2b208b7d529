"""Changing many rows in pieces: the rows of one piece are chosen and locked by a subquery."""

import time
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, any_, delete, func
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain.db import UnitOfWork


class Piece(Protocol):
    """Changes at most `limit` rows, which are then done, and returns how many they were."""

    def __call__(self, session: Session, /, *, limit: int) -> int:
        """Change one piece."""


def in_pieces(unit_of_work: UnitOfWork, change: Piece, *, limit: int, seconds: float) -> int:
    """Change in short transactions until little is left or the time is up; return how many rows."""
    until = time.monotonic() + seconds
    count, changed = 0, limit
    while changed >= limit and time.monotonic() < until:
        with unit_of_work() as session:
            changed = change(session, limit=limit)
        count += changed
    return count


def is_among(
    column: InstrumentedAttribute[Any] | ColumnElement[Any], chosen: Select[Any]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of the chosen values.

    Unlike `IN (SELECT …)`, which may become a join that reads the whole table, the subquery runs
    once, and each of its values is looked up in the index.
    """
    return column == any_(func.array(chosen.scalar_subquery()))


def delete_chosen(session: Session, column: InstrumentedAttribute[Any], chosen: Select[Any]) -> int:
    """Delete the rows of a table whose `column` is among the chosen; return how many."""
    rows = delete(column.class_).where(is_among(column, chosen)).returning(column)
    return len(session.execute(rows).all())
