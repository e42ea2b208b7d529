"""Notifications of users: created once per event, read when seen, deleted when old.

Those of several events are in `notification_groups`. Whoever changes a picture, its likes or its
comments locks the picture before its notifications.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.account import User
from webapp.domain.models.documents import NotificationDetails
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.pieces import is_among
from webapp.domain.services import notification_groups, notification_settings


def notify(
    session: Session,
    recipient_id: int,
    notification_type: NotificationType,
    *,
    target_type: str,
    target_id: int,
    event: str | None = None,
    actor_id: int | None = None,
    generation_id: int | None = None,
    details: NotificationDetails | None = None,
) -> int | None:
    """Insert one notification and return its id.

    Returns None if the event already has one, or if the recipient has switched its kind off.
    `event` is needed only if the same type of event can happen to a target more than once;
    `generation_id` only for a picture that is not the target.
    """
    if not notification_settings.wants(session, recipient_id, notification_type):
        return None
    return session.scalar(
        insert(Notification)
        .values(
            recipient_id=recipient_id,
            actor_id=actor_id,
            type=notification_type,
            target_type=target_type,
            target_id=target_id,
            generation_id=target_id if target_type == "generation" else generation_id,
            dedupe_key=f"{notification_type.value}:{event or f'{target_type}:{target_id}'}",
            details=details or {},
        )
        .on_conflict_do_nothing()
        .returning(Notification.id)
    )


def notify_refund(
    session: Session,
    buyer_id: int,
    *,
    target_type: str,
    target_id: int,
    details: NotificationDetails,
) -> None:
    """Notify the buyer of a refund by an administrator, unless the buyer's account is closed."""
    if session.scalar(select(User.is_active).where(User.id == buyer_id)):
        notify(
            session,
            buyer_id,
            NotificationType.REFUND,
            target_type=target_type,
            target_id=target_id,
            details=details,
        )


def delete_of_comments(session: Session, generation_id: int, comment_ids: Sequence[int]) -> None:
    """Delete the notifications of comments on a picture: the comments are deleted or hidden."""
    session.execute(
        delete(Notification).where(
            Notification.generation_id == generation_id,
            Notification.target_type == "comment",
            Notification.target_id.in_(comment_ids),
        )
    )


def delete_of_hidden(session: Session, generation_ids: Sequence[int], owner_id: int) -> None:
    """Delete what others were told of pictures that only their owner may see now."""
    session.execute(
        delete(Notification).where(
            Notification.generation_id.in_(generation_ids), Notification.recipient_id != owner_id
        )
    )


def notify_once(
    session: Session,
    recipient_id: int,
    notification_type: NotificationType,
    *,
    target_type: str,
    target_id: int,
    details: NotificationDetails,
) -> tuple[int, bool]:
    """Insert a notification unless the recipient has one of this type about the target.

    Returns the id of the notification, and whether it is new. An existing notification keeps its
    own details. Raises NotFound for an unknown recipient, and for one who has switched this kind
    of notifications off.
    """
    person = select(User.id).where(User.id == recipient_id, User.deleted_at.is_(None))
    if session.scalar(person) is None:
        raise NotFound(resource="user", id=recipient_id)
    is_same = (Notification.target_type == target_type) & (Notification.target_id == target_id)
    if (notification_type, target_type) == (notification_groups.READY, "generation"):
        is_same |= Notification.dedupe_key == notification_groups.key_of_order(target_id)
    existing = (
        select(Notification.id)
        .where(
            Notification.recipient_id == recipient_id,
            Notification.type == notification_type,
            is_same,
        )
        .order_by(Notification.id.desc())
        .limit(1)
    )
    existing_id = session.scalar(existing)
    if existing_id is not None:
        return existing_id, False
    new_id = notify(
        session,
        recipient_id,
        notification_type,
        target_type=target_type,
        target_id=target_id,
        details=details,
    )
    if new_id is not None:
        return new_id, True
    existing_id = session.scalar(existing)  # of a request at the same time
    if existing_id is None:
        raise NotFound(resource="notification")
    return existing_id, False


def unread_count(session: Session, user_id: int, *, most: int | None = None) -> int:
    """Return how many unread notifications a user has, at most `most`."""
    unread = select(Notification.id).where(
        Notification.recipient_id == user_id, ~Notification.is_read
    )
    return session.scalar(select(func.count()).select_from(unread.limit(most).subquery())) or 0


def mark_read(session: Session, user_id: int, notification_id: int) -> None:
    """Mark one notification of a user as read; idempotent.

    Raises NotFound, also for another user's notification.
    """
    marked_id = session.scalar(
        update(Notification)
        .where(Notification.id == notification_id, Notification.recipient_id == user_id)
        .values(is_read=True)
        .returning(Notification.id)
    )
    if marked_id is None:
        raise NotFound(resource="notification", id=notification_id)


def mark_seen(session: Session, user_id: int, generation_id: int) -> None:
    """Mark as read what a user was told of a picture whose page is opened, and of its order."""
    session.execute(
        update(Notification)
        .where(
            Notification.recipient_id == user_id,
            ~Notification.is_read,
            or_(
                Notification.generation_id == generation_id,
                Notification.dedupe_key == notification_groups.key_of_order(generation_id),
            ),
        )
        .values(is_read=True)
    )


def mark_all_read(session: Session, user_id: int) -> int:
    """Mark all notifications of a user as read; return how many were unread."""
    marked = session.scalars(
        update(Notification)
        .where(Notification.recipient_id == user_id, ~Notification.is_read)
        .values(is_read=True)
        .returning(Notification.id)
    )
    return len(marked.all())


def purge(session: Session, *, is_read: bool, older_than: timedelta, limit: int) -> int:
    """Delete at most `limit` old notifications, read or unread ones; return how many."""
    old = (
        select(Notification.id)
        .where(
            Notification.is_read if is_read else ~Notification.is_read,
            Notification.created_at < func.statement_timestamp() - older_than,
        )
        .order_by(Notification.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = session.scalars(
        delete(Notification).where(is_among(Notification.id, old)).returning(Notification.id)
    )
    return len(deleted.all())
