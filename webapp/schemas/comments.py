"""Bodies and queries about comments."""

from pydantic import Field

from webapp.schemas.fields import Body, Id, PageQuery, PlainText


class CommentChanges(Body):
    """PATCH /comments/:id by its author."""

    content: PlainText = Field(min_length=1, max_length=500)


class CommentRequest(CommentChanges):
    """POST /generations/:id/comments."""

    parent_id: Id | None = None


class CommentListQuery(PageQuery):
    """GET /generations/:id/comments."""

    parent_id: Id | None = None
