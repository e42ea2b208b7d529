"""Parts that the answers of several queries share, and how an answer gets more fields."""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

Extended = TypeVar("Extended")


@dataclass(frozen=True, slots=True)
class UserName:
    """A user by id and username."""

    id: int
    username: str


@dataclass(frozen=True, slots=True)
class ArtistName:
    """An artist by user id and artist name."""

    id: int
    artist_name: str


@dataclass(frozen=True, slots=True)
class StyleName:
    """A style by id and name."""

    id: int
    name: str


def user_name(user_id: int | None, username: str | None) -> UserName | None:
    """Return the user of an outer join; None where it matched no row."""
    return None if user_id is None or username is None else UserName(user_id, username)


def extended(kind: type[Extended], answer: Any, **more: Any) -> Extended:
    """Return an answer as `kind`, a subclass of its class, with the fields that the subclass adds.

    `answer` is an instance of a dataclass. Raises TypeError when a field is missing or unknown.
    """
    return kind(**{each.name: getattr(answer, each.name) for each in fields(answer)}, **more)
