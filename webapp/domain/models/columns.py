"""Column types that several models use: identities, times, states, lists of tags."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, Computed, DateTime, Dialect, Identity, String, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator

BITS_64 = 2**64


class Unsigned64(TypeDecorator[int]):
    """A number of 0 to 2**64 - 1 in a bigint: the upper half is stored as negative numbers."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(
        self,
        value: int | None,
        dialect: Dialect,  # noqa: ARG002 - named by SQLAlchemy
    ) -> int | None:
        """Return the number as it is stored."""
        return signed_64(value) if value is not None else None

    def process_result_value(
        self,
        value: int | None,
        dialect: Dialect,  # noqa: ARG002 - named by SQLAlchemy
    ) -> int | None:
        """Return the number that is stored."""
        return value % BITS_64 if value is not None else None


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


def signed_64(number: int) -> int:
    """Return the number of PostgreSQL's bigint with the same 64 bits."""
    return (number + BITS_64 // 2) % BITS_64 - BITS_64 // 2


def grams_of(text: str) -> MappedColumn[list[str]]:
    """Return a generated column with the n-grams of another column, for search.

    `text` is that column in SQL. The column is deferred: only searches read it.
    """
    computed = Computed(f"ngrams({text})", persisted=True)
    return mapped_column(ARRAY(Text), computed, deferred=True)


def one_of(column: str, states: type[StrEnum]) -> str:
    """Return the SQL of a check constraint that a text column has one of the states."""
    return f"{column} IN ({', '.join(repr(state.value) for state in states)})"
