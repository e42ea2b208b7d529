"""Read the comments of a picture with their first replies, and the replies to one comment.

A hidden comment stays in the list; only its author and administrators get its content.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import CommentNotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.users import UserSummary, summary
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations

FIRST_REPLIES = 20


@dataclass(frozen=True, slots=True)
class CommentView:
    """A comment with its first replies; `content` is None when it is hidden from the viewer."""

    id: int
    user: UserSummary
    content: str | None
    is_hidden: bool
    parent_id: int | None
    reply_count: int
    replies: list["CommentView"]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """A top-level comment and the picture that it belongs to."""

    generation_id: int
    comment: CommentView


def of_image(
    session: Session,
    storage: Storage,
    *,
    generation_id: int,
    parent_id: int | None,
    viewer: Viewer,
    page: PageRequest,
) -> Page[CommentView]:
    """List the comments of a picture, or the replies to one of them, oldest first.

    Raises GenerationNotFound for a picture that this viewer may not see, and CommentNotFound for
    a parent that is not a comment of this picture.
    """
    generations.visible(session, viewer, generation_id)
    if parent_id is not None:
        _check_parent(session, generation_id, parent_id)
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


def detail(session: Session, storage: Storage, *, comment_id: int, viewer: Viewer) -> CommentView:
    """Return one comment with its first replies."""
    row = session.execute(_with_authors().where(Comment.id == comment_id)).one()
    return _view(storage, viewer, row, _first_replies(session, [row])[row.id])


def thread(session: Session, storage: Storage, *, comment_id: int, viewer: Viewer) -> Thread:
    """Return the top-level comment of a comment's thread; the comment is among its replies.

    Raises CommentNotFound, and GenerationNotFound when the viewer may not see the picture.
    """
    row = session.execute(_with_authors().where(Comment.id == comment_id)).one_or_none()
    if row is None:
        raise CommentNotFound(id=comment_id)
    generations.visible(session, viewer, row.generation_id)
    parent = row
    if row.parent_id is not None:
        parent = session.execute(_with_authors().where(Comment.id == row.parent_id)).one()
    replies = _first_replies(session, [parent])[parent.id]
    if row is not parent and all(reply.id != comment_id for reply in replies):
        replies.append(row)
    return Thread(row.generation_id, _view(storage, viewer, parent, replies))


def count_of_image(session: Session, generation_id: int) -> int:
    """Return the number of comments of a picture, replies included."""
    return session.scalars(
        select(Generation.comment_count).where(Generation.id == generation_id)
    ).one()


def _check_parent(session: Session, generation_id: int, parent_id: int) -> None:
    parent = select(Comment.id).where(
        Comment.id == parent_id, Comment.generation_id == generation_id
    )
    if session.scalar(parent) is None:
        raise CommentNotFound(id=parent_id)


def _with_authors() -> AnySelect:
    return select(
        *Comment.__table__.columns, User.username, User.display_name, User.profile_image_key
    ).join(User, User.id == Comment.user_id)


def _first_replies(session: Session, comments: Sequence[AnyRow]) -> dict[int, list[AnyRow]]:
    """Return the first replies of each comment, by the comment's id, in one query for all."""
    replies: dict[int, list[AnyRow]] = defaultdict(list)
    parent_ids = [comment.id for comment in comments if comment.reply_count]
    if not parent_ids:
        return replies
    parent, reply = aliased(Comment), aliased(Comment)
    first = (
        select(reply.id)
        .where(reply.parent_id == parent.id)
        .order_by(reply.created_at, reply.id)
        .limit(FIRST_REPLIES)
        .lateral()
    )
    ids = (
        select(first.c.id).select_from(parent).join(first, true()).where(parent.id.in_(parent_ids))
    )
    statement = _with_authors().where(Comment.id.in_(ids))
    for row in session.execute(statement.order_by(Comment.created_at, Comment.id)):
        replies[row.parent_id].append(row)
    return replies


def _view(
    storage: Storage, viewer: Viewer, row: AnyRow, replies: Sequence[AnyRow] = ()
) -> CommentView:
    may_read = not row.is_hidden or viewer.may_manage(row.user_id)
    return CommentView(
        id=row.id,
        user=summary(storage, row, user_id=row.user_id),
        content=row.content if may_read else None,
        is_hidden=row.is_hidden,
        parent_id=row.parent_id,
        reply_count=row.reply_count,
        replies=[_view(storage, viewer, reply) for reply in replies],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
