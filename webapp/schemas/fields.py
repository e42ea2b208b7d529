"""Kinds of fields that several bodies share: plain text, tags, names, hashes."""

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

MARKUP = re.compile(r"</?[A-Za-z!][^<>]*>")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
MAX_BIGINT = 2**63 - 1


def without_markup(text: Any) -> Any:
    """Return text without HTML, control and direction characters, trimmed; all else as it is."""
    if not isinstance(text, str):
        return text
    plain = MARKUP.sub("", CONTROL.sub("", text))
    if MARKUP.search(plain):  # tags inside tags become tags
        plain = plain.replace("<", "")
    return plain.strip()


def not_boolean(value: Any) -> Any:
    """Return the value; JSON's true and false are no numbers."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError
    return value


# Before the limits of a field are checked: what is measured is what is kept.
PlainText = Annotated[str, BeforeValidator(without_markup)]
Whole = Annotated[int, BeforeValidator(not_boolean)]
Id = Annotated[int, BeforeValidator(not_boolean), Field(ge=0, le=MAX_BIGINT)]
Price = Annotated[int, BeforeValidator(not_boolean), Field(ge=1, le=10_000)]
Tag = Annotated[str, StringConstraints(max_length=200)]
Filename = Annotated[PlainText, Field(min_length=1, max_length=255)]


class Body(BaseModel):
    """Base of what clients send: unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class PageQuery(Body):
    """Which page of a list."""

    cursor: str | None = Field(None, max_length=512)
    limit: int = Field(20, ge=1, le=100)
