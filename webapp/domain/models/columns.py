"""Column types that several models use: identities, times, states, lists of tags."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, Computed, DateTime, Identity, String, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import MappedColumn, mapped_column

Id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
BigInt = Annotated[int, mapped_column(BigInteger)]
Time = Annotated[datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[
    datetime,
    mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp()),
]
Tags = Annotated[list[str], mapped_column(ARRAY(Text), server_default="{}")]
JsonStrings = Annotated[list[str], mapped_column(JSONB, server_default="[]")]
JsonNumbers = Annotated[list[int], mapped_column(JSONB, server_default="[]")]
Sha256 = Annotated[str, mapped_column(String(64))]
ObjectKey = Annotated[str, mapped_column(String(200))]


def grams_of(text: str) -> MappedColumn[list[str]]:
    """Return a generated column with the n-grams of another column, for search.

    `text` is that column in SQL. The column is deferred: only searches read it.
    """
    computed = Computed(f"ngrams({text})", persisted=True)
    return mapped_column(ARRAY(Text), computed, deferred=True)


def one_of(column: str, states: type[StrEnum]) -> str:
    """Return the SQL of a check constraint that a text column has one of the states."""
    return f"{column} IN ({', '.join(repr(state.value) for state in states)})"
