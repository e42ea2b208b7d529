"""Tell people what happened to their own work, once per event; forget what was read long ago."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.account import User
from webapp.domain.models.notification import Notification, NotificationType

KEPT = timedelta(days=30)


def notify(
    session: Session,
    recipient_id: int,
    notification_type: NotificationType,
    *,
    target_type: str,
    target_id: int,
    event: str | None = None,
    actor_id: int | None = None,
    details: dict[str, Any] | None = None,
) -> int | None:
    """Write one notification and return its id; a second telling of the same event changes nothing.

    What can happen to a thing only once needs no name for the event.
    """
    return session.scalar(
        insert(Notification)
        .values(
            recipient_id=recipient_id,
            actor_id=actor_id,
            type=notification_type,
            target_type=target_type,
            target_id=target_id,
            dedupe_key=f"{notification_type.value}:{event or f'{target_type}:{target_id}'}",
            details=details or {},
        )
        .on_conflict_do_nothing()
        .returning(Notification.id)
    )


def notify_once(
    session: Session,
    recipient_id: int,
    notification_type: NotificationType,
    *,
    target_type: str,
    target_id: int,
    details: dict[str, Any],
) -> tuple[int, bool]:
    """Tell somebody of a thing once, however it was told before; return which, and if it is new.

    `details` are kept as they are; those of a second telling are not.

    Raises NotFound when there is no such person.
    """
    person = select(User.id).where(User.id == recipient_id, User.deleted_at.is_(None))
    if session.scalar(person) is None:
        raise NotFound(resource="user", id=recipient_id)
    known = (
        select(Notification.id)
        .where(
            Notification.recipient_id == recipient_id,
            Notification.type == notification_type,
            Notification.target_type == target_type,
            Notification.target_id == target_id,
        )
        .order_by(Notification.id.desc())
        .limit(1)
    )
    told = session.scalar(known)
    if told is not None:
        return told, False
    made = notify(
        session,
        recipient_id,
        notification_type,
        target_type=target_type,
        target_id=target_id,
        details=details,
    )
    return (session.scalars(known).one(), False) if made is None else (made, True)


def unread_count(session: Session, user_id: int, *, most: int | None = None) -> int:
    """Return how many notifications a person has not read, counting to `most` if it is given."""
    unread = select(Notification.id).where(
        Notification.recipient_id == user_id, ~Notification.is_read
    )
    return session.scalar(select(func.count()).select_from(unread.limit(most).subquery())) or 0


def mark_read(session: Session, user_id: int, notification_id: int) -> None:
    """Note that a person has read one notification; may be repeated.

    Raises NotFound, also for somebody else's.
    """
    found = session.scalar(
        update(Notification)
        .where(Notification.id == notification_id, Notification.recipient_id == user_id)
        .values(is_read=True)
        .returning(Notification.id)
    )
    if found is None:
        raise NotFound(resource="notification", id=notification_id)


def mark_all_read(session: Session, user_id: int) -> int:
    """Note that a person has read everything; return how many were unread."""
    marked = session.scalars(
        update(Notification)
        .where(Notification.recipient_id == user_id, ~Notification.is_read)
        .values(is_read=True)
        .returning(Notification.id)
    )
    return len(marked.all())


def purge(session: Session, *, limit: int) -> int:
    """Forget at most `limit` read notifications older than thirty days; return how many."""
    old = (
        select(Notification.id)
        .where(Notification.is_read, Notification.created_at < func.clock_timestamp() - KEPT)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = session.scalars(
        delete(Notification).where(Notification.id.in_(old)).returning(Notification.id)
    )
    return len(gone.all())
