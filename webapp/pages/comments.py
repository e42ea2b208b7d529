"""/g/:id/comments and /comments/:id: comments on a picture.

htmx requests get fragments; plain forms get the whole page of the picture.
"""

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import ValidationFailed
from webapp.domain.queries import comments as comment_queries
from webapp.domain.queries.comments import CommentView, Thread
from webapp.domain.queries.pagination import Page
from webapp.domain.services import comments
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import public, signed_in, user, viewer
from webapp.pages import generations, problems
from webapp.pages.fragments import is_fragment
from webapp.schemas.comments import CommentChanges, CommentListQuery, CommentRequest

blueprint = Blueprint("comments", __name__)
MAX_CHARACTERS = 500


@dataclass(frozen=True)
class Draft:
    """A refused comment: its text and its error; `form` names the form of the page it is from."""

    form: str
    content: str
    problem: str


@blueprint.get("/g/<id:generation_id>/comments")
@public
def index(generation_id: int) -> str:
    """Show a page of the comments of a picture, or of the replies to one comment."""
    query = bodies.query(CommentListQuery)
    page = comment_queries.of_image(
        db.session(),
        storage(),
        generation_id=generation_id,
        parent_id=query.parent_id,
        viewer=viewer(),
        page=bodies.page(query),
    )
    if is_fragment():
        return _piece("list", generation_id, comments=page, parent_id=query.parent_id)
    if query.parent_id is None:
        return generations.page(generation_id, comments=page, is_part=True)
    thread = _thread(query.parent_id)
    return _picture_page(replace(thread, comment=replace(thread.comment, replies=page.results)))


@blueprint.get("/comments/<id:comment_id>")
@public
def show(comment_id: int) -> str:
    """Show one comment with its replies; for a reply, show its parent comment."""
    thread = _thread(comment_id)
    if is_fragment():
        return _piece("comment", thread.generation_id, comment=thread.comment)
    return _picture_page(thread)


@blueprint.post("/g/<id:generation_id>/comments")
@signed_in
def post(generation_id: int) -> AnyResponse | str | tuple[str, int]:
    """Comment on a picture, or reply to a comment."""
    parent_id = request.form.get("parent_id", type=int)
    try:
        body = CommentRequest.model_validate(request.form.to_dict())
    except ValidationError as error:
        form = "write" if parent_id is None else f"reply-{parent_id}"
        return _refused(error, form, generation_id, parent_id)
    comment_id = comments.post(
        db.session(), user=user(), generation_id=generation_id, **body.model_dump()
    )
    if not is_fragment():
        return _to(comment_id)
    parent = None if parent_id is None else _one(parent_id)
    message = gettext("Your comment was posted.")
    return _news("posted", generation_id, message, comment=_one(comment_id), parent=parent)


@blueprint.post("/comments/<id:comment_id>/edit")
@signed_in
def edit(comment_id: int) -> AnyResponse | str | tuple[str, int]:
    """Edit the user's own comment."""
    try:
        body = CommentChanges.model_validate(request.form.to_dict())
    except ValidationError as error:
        generation_id = _thread(comment_id).generation_id
        return _refused(error, f"edit-{comment_id}", generation_id, comment_id)
    comments.edit(db.session(), user=user(), comment_id=comment_id, content=body.content)
    if not is_fragment():
        return _to(comment_id)
    generation_id = _thread(comment_id).generation_id
    message = gettext("Your comment was changed.")
    return _news("edited", generation_id, message, comment=_one(comment_id))


@blueprint.post("/comments/<id:comment_id>/delete")
@signed_in
def delete(comment_id: int) -> AnyResponse | str:
    """Delete the user's own comment and its replies."""
    generation_id = comments.delete(db.session(), user=user(), comment_id=comment_id)
    if not is_fragment():
        image = url_for("pages.generations.show", generation_id=generation_id, _anchor="comments")
        return redirect(image, 303)
    return _news("deleted", generation_id, gettext("The comment was deleted."))


def _refused(
    error: ValidationError, form: str, generation_id: int, comment_id: int | None
) -> tuple[str, int]:
    """Show a refused form again with its error."""
    draft = Draft(
        form=form,
        content=request.form.get("content", ""),
        problem=problems.text_of(
            error, "content", gettext("Write 1 to %(most)d characters.", most=MAX_CHARACTERS)
        ),
    )
    if comment_id is None:
        page = (
            _piece("write", generation_id, draft=draft)
            if is_fragment()
            else generations.page(generation_id, draft=draft)
        )
    elif is_fragment():
        page = _piece("body", generation_id, draft=draft, comment=_one(comment_id))
    else:
        page = _picture_page(_thread(comment_id), draft)
    return page, ValidationFailed.status


def _picture_page(thread: Thread, draft: Draft | None = None) -> str:
    comments_page = Page(results=[thread.comment], next_cursor=None)
    return generations.page(thread.generation_id, comments=comments_page, is_part=True, draft=draft)


def _piece(name: str, generation_id: int, **values: Any) -> str:
    template = f"comments/{name}.html"
    return render_template(template, generation_id=generation_id, viewer=viewer(), **values)


def _news(name: str, generation_id: int, message: str, **values: Any) -> str:
    """Return a fragment with a status message and the new number of comments."""
    count = comment_queries.count_of_image(db.session(), generation_id)
    return _piece(name, generation_id, news=message, count=count, **values)


def _thread(comment_id: int) -> Thread:
    return comment_queries.thread(db.session(), storage(), comment_id=comment_id, viewer=viewer())


def _one(comment_id: int) -> CommentView:
    return comment_queries.detail(db.session(), storage(), comment_id=comment_id, viewer=viewer())


def _to(comment_id: int) -> AnyResponse:
    anchor = f"comment-{comment_id}"
    url = url_for("pages.comments.show", comment_id=comment_id, _anchor=anchor)
    return redirect(url, 303)
