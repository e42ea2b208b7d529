"""/generations/:id/comments (also /images/:id/comments) and /comments/:id."""

from flask import Blueprint, Response

from webapp.domain.errors import (
    CommentNotFound,
    Forbidden,
    GenerationNotFound,
    ReplyDepthExceeded,
)
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import comments as comment_queries
from webapp.domain.services import comments
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, public, signed_in, user, viewer
from webapp.http.operations import operation
from webapp.schemas.comments import (
    CommentChanges,
    CommentListQuery,
    CommentRequest,
    CommentView,
)
from webapp.schemas.fields import Listed

blueprint = Blueprint("comments", __name__)


@blueprint.get("/generations/<id:generation_id>/comments")
@blueprint.get("/images/<id:generation_id>/comments")
@allows_keys(Scope.READ)
@public
@operation(
    gives=Listed[CommentView],
    errors=(GenerationNotFound, CommentNotFound),
    links={"comment_id": "/results/0/id", "parent_id": "/results/0/id"},
)
def list_comments(generation_id: int, query: CommentListQuery) -> Response:
    """List the comments of an image, or the replies of one."""
    page = comment_queries.of_image(
        db.session(),
        storage(),
        generation_id=generation_id,
        parent_id=query.parent_id,
        viewer=viewer(),
        page=bodies.page(query),
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/generations/<id:generation_id>/comments")
@blueprint.post("/images/<id:generation_id>/comments")
@signed_in
@operation(
    gives=CommentView,
    status=201,
    errors=(GenerationNotFound, CommentNotFound, ReplyDepthExceeded),
    links={"comment_id": "/id", "parent_id": "/id"},
)
def post(generation_id: int, body: CommentRequest) -> Response:
    """Comment an image, or reply to a comment."""
    comment_id = comments.post(
        db.session(), user=user(), generation_id=generation_id, **body.model_dump()
    )
    view = comment_queries.detail(db.session(), storage(), comment_id=comment_id, viewer=viewer())
    return envelope.created(view, f"/api/v1/comments/{comment_id}")


@blueprint.patch("/comments/<id:comment_id>")
@signed_in
@operation(gives=CommentView, errors=(Forbidden, CommentNotFound))
def edit(comment_id: int, body: CommentChanges) -> Response:
    """Change the words of one's own comment."""
    comments.edit(db.session(), user=user(), comment_id=comment_id, content=body.content)
    return envelope.success(
        comment_queries.detail(db.session(), storage(), comment_id=comment_id, viewer=viewer())
    )


@blueprint.delete("/comments/<id:comment_id>")
@signed_in
@operation(status=204, errors=(Forbidden, CommentNotFound))
def delete(comment_id: int) -> Response:
    """Delete a comment and its replies."""
    comments.delete(db.session(), user=user(), comment_id=comment_id)
    return envelope.no_content()
