"""Answers about following."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.account import Role
from webapp.schemas.fields import Answer, Count, Time
from webapp.schemas.generations import Person


class Followed(Answer):
    """POST /users/:id/follow."""

    is_following: Literal[True]
    follower_count: Count


class FollowToggled(Answer):
    """POST /artists/:id/follow."""

    is_following: bool = Field(examples=[True])
    follower_count: Count


class PersonFollowed(Person):
    """One of those whom one follows."""

    role: Role
    artist_name: str | None = Field(examples=["J. Han"])
    follower_count: Count
    followed_at: Time
