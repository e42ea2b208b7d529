"""Like an image and take it back; the image's counter moves in the same commit as the like."""

from sqlalchemy import ColumnElement, delete, false, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import DuplicateLike, GenerationNotFound
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.like import Like
from webapp.domain.queries.pagination import has
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import accounts, generations, notification_groups


def liked_by(user_id: int | None) -> ColumnElement[bool]:
    """Return the condition that a person likes the generation of a row; nobody likes nothing."""
    if user_id is None:
        return false()
    likes = select(Like.user_id).where(Like.user_id == user_id)
    return has(likes.where(Like.generation_id == Generation.id))


def like(session: Session, *, user: User, generation_id: int) -> int:
    """Like a completed image that one may see, and tell its owner; return its likes.

    Raises GenerationNotFound and DuplicateLike.
    """
    count = _add(session, user, generation_id)
    if count is None:
        raise DuplicateLike(generation_id=generation_id)
    return count


def unlike(session: Session, *, user: User, generation_id: int) -> None:
    """Like an image no longer, if one did. Raises GenerationNotFound."""
    owner_id = generations.owner_of_completed(session, Viewer.of(user), generation_id)
    _remove(session, user, generation_id, owner_id)


def toggle(session: Session, *, user: User, generation_id: int) -> tuple[bool, int]:
    """Like an image, or no longer; return which, and its likes. Raises GenerationNotFound."""
    count = _add(session, user, generation_id)
    if count is not None:
        return True, count
    owner_id = generations.owner_of_completed(session, Viewer.of(user), generation_id)
    return False, _remove(session, user, generation_id, owner_id)


def _add(session: Session, user: User, generation_id: int) -> int | None:
    """Return the likes of the image, or None when this person liked it before."""
    accounts.lock_active(session, user.id)
    owner_id = generations.owner_of_completed(session, Viewer.of(user), generation_id)
    # Before the image: `leaving` locks in this order, and counts what was liked before it.
    if not accounts.lock_undeleted(session, owner_id):
        raise GenerationNotFound(id=generation_id)
    like_id = session.scalar(
        insert(Like)
        .values(generation_id=generation_id, user_id=user.id)
        .on_conflict_do_nothing()
        .returning(Like.user_id)
    )
    if like_id is None:
        return None
    count = _count(session, generation_id, 1)
    if owner_id != user.id:
        notification_groups.notify_like(
            session, owner_id, generation_id=generation_id, actor_id=user.id
        )
    return count


def _remove(session: Session, user: User, generation_id: int, owner_id: int) -> int:
    deleted_ids = session.scalars(
        delete(Like)
        .where(Like.generation_id == generation_id, Like.user_id == user.id)
        .returning(Like.user_id)
    ).all()
    count = _count(session, generation_id, -len(deleted_ids))
    if deleted_ids and owner_id != user.id:
        notification_groups.withdraw_like(
            session, owner_id, generation_id=generation_id, actor_id=user.id
        )
    return count


def _count(session: Session, generation_id: int, more: int) -> int:
    return session.scalars(
        update(Generation)
        .where(Generation.id == generation_id)
        .values(like_count=Generation.like_count + more)
        .returning(Generation.like_count)
    ).one()
