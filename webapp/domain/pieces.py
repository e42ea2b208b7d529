"""Changing many rows in pieces: the rows of one piece are chosen and locked by a subquery."""

import time
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, any_, func
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain.db import UnitOfWork


class PurgePiece(Protocol):
    """Deletes at most `limit` rows and returns how many it deleted."""

    def __call__(self, session: Session, /, *, limit: int) -> int:
        """Delete one piece."""


def purge_in_pieces(
    unit_of_work: UnitOfWork, purge: PurgePiece, *, limit: int, seconds: float
) -> int:
    """Purge in short transactions until little is left or the time is up; return how many rows."""
    until = time.monotonic() + seconds
    count, deleted = 0, limit
    while deleted >= limit and time.monotonic() < until:
        with unit_of_work() as session:
            deleted = purge(session, limit=limit)
        count += deleted
    return count


def is_among(
    column: InstrumentedAttribute[Any] | ColumnElement[Any], chosen: Select[Any]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of the chosen values.

    Unlike `IN (SELECT …)`, which may become a join that reads the whole table, the subquery runs
    once, and each of its values is looked up in the index.
    """
    return column == any_(func.array(chosen.scalar_subquery()))
