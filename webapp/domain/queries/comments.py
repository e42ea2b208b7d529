"""What people see of comments: those of an image with their first replies, the replies of one.

A hidden comment keeps its place; its words are for its author and administrators.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import CommentNotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations

FIRST_REPLIES = 20


def of_image(
    session: Session,
    storage: Storage,
    *,
    generation_id: int,
    parent_id: int | None,
    viewer: Viewer,
    page: PageRequest,
) -> Page:
    """List the comments of an image, or the replies of one of them, oldest first.

    Raises GenerationNotFound for an image that this viewer may not see, and CommentNotFound for a
    parent that is not here.
    """
    generations.visible(session, viewer, generation_id)
    if parent_id is not None:
        _check_here(session, generation_id, parent_id)
    keyset = Keyset(
        [(Comment.created_at, "created_at", datetime), (Comment.id, "id", int)],
        {"list": "comments", "generation_id": generation_id, "parent_id": parent_id},
        descending=False,
    )
    ids = select(Comment.id).where(
        Comment.generation_id == generation_id, Comment.parent_id == parent_id
    )
    rows = session.execute(keyset.look_up(_with_authors(), keyset.apply(ids, page))).all()
    replies = _first_replies(session, rows[: page.limit])
    return keyset.page(rows, page, lambda row: _view(storage, viewer, row, replies[row.id]))


def detail(
    session: Session, storage: Storage, *, comment_id: int, viewer: Viewer
) -> dict[str, Any]:
    """Return one comment with its first replies."""
    row = session.execute(_with_authors().where(Comment.id == comment_id)).one()
    return _view(storage, viewer, row, _first_replies(session, [row])[row.id])


def thread(
    session: Session, storage: Storage, *, comment_id: int, viewer: Viewer
) -> dict[str, Any]:
    """Return the comment to which one belongs, that one among its first replies, and its image.

    Raises CommentNotFound, and GenerationNotFound when one may not see the image.
    """
    sought = session.execute(_with_authors().where(Comment.id == comment_id)).one_or_none()
    if sought is None:
        raise CommentNotFound(id=comment_id)
    generations.visible(session, viewer, sought.generation_id)
    first = sought
    if sought.parent_id is not None:
        first = session.execute(_with_authors().where(Comment.id == sought.parent_id)).one()
    replies = _first_replies(session, [first])[first.id]
    if sought is not first and all(reply.id != comment_id for reply in replies):
        replies.append(sought)
    return _view(storage, viewer, first, replies) | {"generation_id": first.generation_id}


def count_of_image(session: Session, generation_id: int) -> int:
    """Return how many comments an image has, replies among them."""
    return session.scalars(
        select(Generation.comment_count).where(Generation.id == generation_id)
    ).one()


def _check_here(session: Session, generation_id: int, comment_id: int) -> None:
    here = select(Comment.id).where(
        Comment.id == comment_id, Comment.generation_id == generation_id
    )
    if session.scalar(here) is None:
        raise CommentNotFound(id=comment_id)


def _with_authors() -> AnySelect:
    return select(
        *Comment.__table__.columns, User.username, User.display_name, User.profile_image_key
    ).join(User, User.id == Comment.user_id)


def _first_replies(session: Session, comments: Sequence[AnyRow]) -> dict[int, list[AnyRow]]:
    """Return the first replies of each comment, by the comment's id, in one query for all."""
    found: dict[int, list[AnyRow]] = defaultdict(list)
    answered = [comment.id for comment in comments if comment.reply_count]
    if not answered:
        return found
    parent, reply = aliased(Comment), aliased(Comment)
    first = (
        select(reply.id)
        .where(reply.parent_id == parent.id)
        .order_by(reply.created_at, reply.id)
        .limit(FIRST_REPLIES)
        .lateral()
    )
    ids = select(first.c.id).select_from(parent).join(first, true()).where(parent.id.in_(answered))
    statement = _with_authors().where(Comment.id.in_(ids))
    for row in session.execute(statement.order_by(Comment.created_at, Comment.id)):
        found[row.parent_id].append(row)
    return found


def _view(
    storage: Storage, viewer: Viewer, row: AnyRow, replies: Sequence[AnyRow] = ()
) -> dict[str, Any]:
    may_read = not row.is_hidden or viewer.may_manage(row.user_id)
    return {
        "id": row.id,
        "user": {
            "id": row.user_id,
            "username": row.username,
            "display_name": row.display_name,
            "profile_image": signed_url(storage, row.profile_image_key),
        },
        "content": row.content if may_read else None,
        "is_hidden": row.is_hidden,
        "parent_id": row.parent_id,
        "reply_count": row.reply_count,
        "replies": [_view(storage, viewer, reply) for reply in replies],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
