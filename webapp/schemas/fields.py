"""Kinds of fields that several bodies and answers share: text, tags, names, times, lists.

Examples are at the fields; those of whole bodies and answers are put together from them.
"""

from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from webapp.domain import korean_words, visible_text
from webapp.domain.prices import MAX_PRICE_TOKENS, MIN_PRICE_TOKENS

MAX_BIGINT = 2**63 - 1


def as_written(text: Any) -> Any:
    """Return text as a person wrote it, composed and trimmed; all else as it is.

    Nothing is taken out of it: pages escape it. Raises PydanticCustomError for what cannot be seen.
    """
    if not isinstance(text, str):
        return text
    composed = visible_text.composed(text)
    if visible_text.has_invisible(composed):
        raise PydanticCustomError("invisible_text", "Contains invisible characters.")
    if visible_text.has_stacked_marks(composed):
        raise PydanticCustomError("stacked_marks", "Has marks that no letter carries.")
    return composed


def as_seen(text: Any) -> Any:
    """Return text without what cannot be seen; all else as it is."""
    return visible_text.without_invisible(text) if isinstance(text, str) else text


def one_line(text: str) -> str:
    """Return a text with each run of blanks as one space."""
    return " ".join(text.split())


def in_english(text: Any) -> Any:
    """Return a tag in English if the Korean dictionary has its words; all else as it is.

    So a request is compared with its repetition, and shown again, in English.
    """
    return korean_words.in_english(text) if isinstance(text, str) else text


# Before the limits of a field are checked: they apply to the text that is stored.
PlainText = Annotated[str, BeforeValidator(as_written)]
# What is searched for, and what machines report: never refused for what cannot be seen.
SeenText = Annotated[str, BeforeValidator(as_seen)]
# What answers are made of.
Count = Annotated[int, Field(ge=0, examples=[3])]
Percent = Annotated[int, Field(ge=0, le=100, examples=[50])]
Time = Annotated[datetime, Field(examples=["2026-01-15T12:00:00Z"])]
MARKET_DAY = "a day of the market: it begins at midnight in Asia/Seoul, unless configured otherwise"
Day = Annotated[date, Field(examples=["2026-01-15"], description=MARKET_DAY)]
Url = Annotated[str, Field(examples=["https://files.example/one.png"])]
Name = Annotated[str, Field(examples=["Ink Harbor"])]
Word = Annotated[str, Field(examples=["harbor"])]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])]
FILE = {"type": "string", "contentMediaType": "application/octet-stream", "examples": ["\0"]}

Item = TypeVar("Item")

Id = Annotated[int, Field(ge=0, le=MAX_BIGINT, examples=[10])]
Price = Annotated[int, Field(ge=MIN_PRICE_TOKENS, le=MAX_PRICE_TOKENS, examples=[120])]
# The rule of tags is the domain's, after blanks and letters are made even; shown is its outcome.
Tag = Annotated[
    str,
    BeforeValidator(in_english),
    StringConstraints(max_length=200),
    Field(
        json_schema_extra={
            "maxLength": 50,
            "pattern": "^[A-Za-z0-9' -]*[A-Za-z0-9][A-Za-z0-9' -]*$",
        },
        examples=["harbor"],
    ),
]
# The name of a file on somebody's disk, of which only what can be seen is kept.
Filename = Annotated[SeenText, Field(min_length=1, max_length=255, examples=["pier.png"])]


class Body(BaseModel):
    """Base of what clients send: unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class PageQuery(Body):
    """Which page of a list."""

    cursor: str | None = Field(None, max_length=512)
    limit: int = Field(20, ge=1, le=100)


class Answer(BaseModel):
    """Base of what we answer: exactly these fields. Described, not checked while the site runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Listed(Answer, Generic[Item]):
    """One page of a list."""

    results: list[Item]
    next_cursor: str | None = Field(examples=["WyI5ZjM0NTY3OGFiY2RlZjAxIiwgMTBd"])
    has_more: bool = Field(examples=[True])
