"""Follow people and stop; the followed person's counter moves in the same commit as the follow."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    any_,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain.errors import DuplicateFollow, NotFound, SelfFollowNotAllowed
from webapp.domain.models.account import User
from webapp.domain.models.follow import Follow
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.style import Style
from webapp.domain.queries.pagination import has
from webapp.domain.services import accounts, notifications


def by_followed(user_id: int | None, person: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition that somebody follows the person of a column; nobody follows nobody."""
    return _among(person, select(Follow.followed_id).where(Follow.follower_id == user_id))


def by_or_after_followed(
    user_id: int | None, person: InstrumentedAttribute[int], style: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    """Return the condition that somebody follows the person, or the artist of the style."""
    followed = select(Style.id).join(Follow, Follow.followed_id == Style.artist_id)
    return by_followed(user_id, person) | _among(
        style, followed.where(Follow.follower_id == user_id)
    )


def each_by_followed(
    user_id: int | None, person: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    """Return the condition of `by_followed` written for a few rows: it is evaluated for each."""
    followed = select(Follow.followed_id).where(Follow.follower_id == user_id)
    return has(followed.where(Follow.followed_id == person))


def each_by_or_after_followed(
    user_id: int | None, person: InstrumentedAttribute[int], style: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    """Return the same condition written for a few rows: it is evaluated for each."""
    followed = select(Follow.followed_id).where(Follow.follower_id == user_id)
    of_artist = followed.join(Style, Style.artist_id == Follow.followed_id)
    return each_by_followed(user_id, person) | has(of_artist.where(Style.id == style))


def _among(column: InstrumentedAttribute[int], ids: Select[int]) -> ColumnElement[bool]:
    # An array is read once and then looked up in an index, also in two indexes beside an OR; a
    # subquery would be evaluated for every row.
    return column == any_(func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger)))


def is_followed_by(user_id: int) -> ColumnElement[bool]:
    """Return the condition that somebody follows the user of a row."""
    return each_by_followed(user_id, User.id)


def is_following(session: Session, *, user_id: int, followed_id: int) -> bool:
    """Tell whether somebody follows a person."""
    return session.get(Follow, (user_id, followed_id)) is not None


def follow(session: Session, *, user: User, followed_id: int) -> int:
    """Follow a person and tell them, the first time; return how many follow them.

    Raises NotFound, SelfFollowNotAllowed and DuplicateFollow.
    """
    count = _add(session, user, followed_id)
    if count is None:
        raise DuplicateFollow(user_id=followed_id)
    return count


def unfollow(session: Session, *, user: User, followed_id: int) -> None:
    """Follow a person no longer, if one did. Raises NotFound."""
    _check_active(session, followed_id)
    _remove(session, user, followed_id)


def toggle(session: Session, *, user: User, followed_id: int) -> tuple[bool, int]:
    """Follow a person, or no longer; return which, and how many follow them.

    Raises NotFound and SelfFollowNotAllowed.
    """
    count = _add(session, user, followed_id)
    if count is not None:
        return True, count
    return False, _remove(session, user, followed_id)


def _add(session: Session, user: User, followed_id: int) -> int | None:
    """Return the followers of the person, or None when this one was among them before."""
    accounts.lock_active(session, user.id)
    _check_active(session, followed_id)
    if followed_id == user.id:
        raise SelfFollowNotAllowed
    follow_id = session.scalar(
        insert(Follow)
        .values(follower_id=user.id, followed_id=followed_id)
        .on_conflict_do_nothing()
        .returning(Follow.follower_id)
    )
    if follow_id is None:
        return None
    notifications.notify(
        session,
        followed_id,
        NotificationType.FOLLOW,
        actor_id=user.id,
        target_type="user",
        target_id=user.id,
        event=f"by:{user.id}",
    )
    return _count(session, followed_id, 1)


def _remove(session: Session, user: User, followed_id: int) -> int:
    deleted_ids = session.scalars(
        delete(Follow)
        .where(Follow.follower_id == user.id, Follow.followed_id == followed_id)
        .returning(Follow.follower_id)
    ).all()
    return _count(session, followed_id, -len(deleted_ids))


def _check_active(session: Session, user_id: int) -> None:
    if session.scalar(select(User.id).where(User.id == user_id, User.is_active)) is None:
        raise NotFound(resource="user", id=user_id)


def _count(session: Session, followed_id: int, more: int) -> int:
    return session.scalars(
        update(User)
        .where(User.id == followed_id)
        .values(follower_count=User.follower_count + more)
        .returning(User.follower_count)
    ).one()
