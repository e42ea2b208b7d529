"""Answers about likes."""

from typing import Literal

from pydantic import Field

from webapp.schemas.fields import Answer, Count


class Liked(Answer):
    """POST /generations/:id/like."""

    is_liked: Literal[True]
    like_count: Count


class LikeToggled(Answer):
    """POST /images/:id/like."""

    is_liked: bool = Field(examples=[True])
    like_count: Count
