"""Tell people what happened to their own work, once per event."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.notification import Notification, NotificationType


def tell(
    session: Session,
    recipient_id: int,
    notification_type: NotificationType,
    *,
    target_type: str,
    target_id: int,
    event: str,
    actor_id: int | None = None,
) -> None:
    """Write one notification; a second telling of the same event changes nothing."""
    session.execute(
        insert(Notification)
        .values(
            recipient_id=recipient_id,
            actor_id=actor_id,
            type=notification_type,
            target_type=target_type,
            target_id=target_id,
            dedupe_key=f"{notification_type.value}:{event}",
        )
        .on_conflict_do_nothing()
    )


def unread_count(session: Session, user_id: int) -> int:
    """Return how many notifications a person has not read."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Notification)
            .where(Notification.recipient_id == user_id, ~Notification.is_read)
        )
        or 0
    )


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
