"""Changing many rows in pieces: the rows of one piece are chosen and locked by a subquery."""

from typing import Any

from sqlalchemy import ColumnElement, Select, any_, func
from sqlalchemy.orm import InstrumentedAttribute


def is_among(
    column: InstrumentedAttribute[Any] | ColumnElement[Any], chosen: Select[Any]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of the chosen values.

    Unlike `IN (SELECT …)`, which may become a join that reads the whole table, the subquery runs
    once, and each of its values is looked up in the index.
    """
    return column == any_(func.array(chosen.scalar_subquery()))
