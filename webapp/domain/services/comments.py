"""Comment an image, reply, change one's words, delete them; both counters stay exact.

Whoever adds or removes comments holds the row of their image first. So the comments of an image
change one after the other: nobody replies to what is being deleted, and what is counted is what
went.
"""

from sqlalchemy import delete as deletion, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import CommentNotFound, Forbidden, ReplyDepthExceeded
from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import accounts, generations, notification_groups


def post(
    session: Session, *, user: User, generation_id: int, content: str, parent_id: int | None
) -> int:
    """Comment a completed image that one may see, or reply to a comment; return the new one's id.

    Tells the image's owner, or of a reply the author of what it replies to. Raises
    GenerationNotFound, CommentNotFound for a parent that is not here, and ReplyDepthExceeded.
    """
    accounts.lock_active(session, user.id)
    owner_id = generations.owner_of_completed(session, Viewer.of(user), generation_id)
    _count(session, generation_id, 1)
    listener_id = owner_id
    if parent_id is not None:
        listener_id = _replied_to(session, generation_id, parent_id)
    comment_id = session.scalars(
        insert(Comment)
        .values(
            generation_id=generation_id,
            user_id=user.id,
            parent_id=parent_id,
            content=content,
            # One time for both: later means that it was changed.
            created_at=func.statement_timestamp(),
            updated_at=func.statement_timestamp(),
        )
        .returning(Comment.id)
    ).one()
    if listener_id != user.id:
        notification_groups.notify_comment(
            session,
            listener_id,
            comment_id=comment_id,
            generation_id=generation_id,
            actor_id=user.id,
        )
    return comment_id


def edit(session: Session, *, user: User, comment_id: int, content: str) -> None:
    """Change the words of one's own comment.

    Raises CommentNotFound, also when one may see the image no longer, and Forbidden.
    """
    viewer = Viewer.of(user)
    comment = _comment_row(session, comment_id)
    if not generations.may_see(viewer, comment):
        raise CommentNotFound(id=comment_id)
    if comment.author_id != user.id:
        raise Forbidden(owner=False)
    edited_id = session.scalar(
        update(Comment)
        .where(Comment.id == comment_id)
        .values(content=content, updated_at=func.clock_timestamp())
        .returning(Comment.id)
    )
    if edited_id is None:
        raise CommentNotFound(id=comment_id)


def delete(session: Session, *, user: User, comment_id: int) -> int:
    """Delete a comment and its replies, as its author or an administrator; return its image's id.

    Authors can delete their comments also where they could not write one. Raises CommentNotFound
    and Forbidden.
    """
    viewer = Viewer.of(user)
    comment = _comment_row(session, comment_id)
    if not viewer.may_manage(comment.author_id):
        if generations.may_see(viewer, comment):
            raise Forbidden(owner=False)
        raise CommentNotFound(id=comment_id)
    lock_picture(session, comment_id)
    deleted_ids = session.scalars(
        deletion(Comment)
        .where(or_(Comment.id == comment_id, Comment.parent_id == comment_id))
        .returning(Comment.id)
    ).all()
    if not deleted_ids:
        raise CommentNotFound(id=comment_id)
    _count(session, comment.generation_id, -len(deleted_ids))
    notification_groups.withdraw_comments(session, comment.generation_id, deleted_ids)
    if comment.parent_id is not None:
        _count_replies(session, comment.parent_id, -1)
    return int(comment.generation_id)


def lock_picture(session: Session, comment_id: int) -> None:
    """Lock the picture of a comment, before its comments and their notifications are changed."""
    picture_id = select(Comment.generation_id).where(Comment.id == comment_id)
    session.execute(
        select(Generation.id)
        .where(Generation.id == picture_id.scalar_subquery())
        .with_for_update(key_share=True)
    )


def _comment_row(session: Session, comment_id: int) -> AnyRow:
    """Return a comment with its author, and owner, state and flags of its image."""
    row = session.execute(
        select(
            Comment.generation_id,
            Comment.parent_id,
            Comment.user_id.label("author_id"),
            *generations.VISIBILITY,
        )
        .join(Generation, Generation.id == Comment.generation_id)
        .where(Comment.id == comment_id)
    ).one_or_none()
    if row is None:
        raise CommentNotFound(id=comment_id)
    return row


def _replied_to(session: Session, generation_id: int, parent_id: int) -> int:
    """Count a reply and return whose comment it replies to."""
    parent = session.execute(
        select(Comment.user_id, Comment.parent_id).where(
            Comment.id == parent_id, Comment.generation_id == generation_id
        )
    ).one_or_none()
    if parent is None:
        raise CommentNotFound(id=parent_id)
    if parent.parent_id is not None:
        raise ReplyDepthExceeded(parent_id=parent_id)
    _count_replies(session, parent_id, 1)
    return int(parent.user_id)


def _count(session: Session, generation_id: int, more: int) -> None:
    session.execute(
        update(Generation)
        .where(Generation.id == generation_id)
        .values(comment_count=Generation.comment_count + more)
    )


def _count_replies(session: Session, comment_id: int, more: int) -> None:
    session.execute(
        update(Comment)
        .where(Comment.id == comment_id)
        .values(reply_count=Comment.reply_count + more)
    )
