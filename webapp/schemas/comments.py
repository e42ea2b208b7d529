"""Bodies, queries and answers about comments."""

from typing import Literal

from pydantic import Field

from webapp.schemas.fields import Answer, Body, Count, Id, PageQuery, PlainText, Time
from webapp.schemas.generations import Person


class CommentChanges(Body):
    """PATCH /comments/:id by its author."""

    content: PlainText = Field(min_length=1, max_length=500, examples=["The light is lovely."])


class CommentRequest(CommentChanges):
    """POST /generations/:id/comments."""

    parent_id: Id | None = None


class CommentListQuery(PageQuery):
    """GET /generations/:id/comments."""

    parent_id: Id | None = None


class _CommentFields(Answer):
    id: Id
    user: Person
    content: str | None = Field(examples=["The light is lovely."])
    is_hidden: bool = Field(examples=[False])
    created_at: Time
    updated_at: Time


class Reply(_CommentFields):
    """A reply beside its comment; it has no replies."""

    parent_id: Id
    reply_count: Literal[0]
    replies: list["Reply"] = Field(max_length=0, examples=[[]])


class CommentView(_CommentFields):
    """A comment with its first replies."""

    parent_id: Id | None = Field(examples=[None])
    reply_count: Count
    replies: list[Reply] = Field(max_length=20)
