"""Notifications of users: created once per event, read when seen, deleted when old.

Those of several events are in `notification_groups`. Whoever changes a picture, its likes or its
comments locks the picture before its notifications.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from webapp.domain.errors import NotFound
from webapp.domain.models.account import User
from webapp.domain.models.documents import NotificationDetails
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.pieces import delete_chosen, is_among
from webapp.domain.services import notification_groups, notification_settings

# A condition on notifications: those that tell of something.
Subject = ColumnElement[bool]
ENDINGS = (NotificationType.GENERATION_COMPLETE, NotificationType.GENERATION_FAILED)


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


def notify_if_active(
    session: Session,
    recipient_id: int,
    notification_type: NotificationType,
    *,
    target_type: str,
    target_id: int,
    event: str | None = None,
    details: NotificationDetails | None = None,
) -> bool:
    """Notify a user of a decision of an administrator, unless the user's account is closed.

    Returns whether it is open.
    """
    is_active = bool(session.scalar(select(User.is_active).where(User.id == recipient_id)))
    if is_active:
        notify(
            session,
            recipient_id,
            notification_type,
            target_type=target_type,
            target_id=target_id,
            event=event,
            details=details,
        )
    return is_active


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
        is_same |= _is_of_orders([target_id])
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


def unread(user_id: int) -> Select[int]:
    """Select the ids of a user's unread notifications."""
    return select(Notification.id).where(
        Notification.recipient_id == user_id, ~Notification.is_read
    )


def unread_count(session: Session, user_id: int) -> int:
    """Return how many unread notifications a user has."""
    count = select(func.count()).select_from(unread(user_id).subquery())
    return session.scalar(count) or 0


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


def mark_seen(session: Session, user_id: int, *subjects: Subject) -> bool:
    """Mark as read what a user was told of what is shown to the user now.

    `subjects` are conditions such as `of_pictures`. Returns whether anything was unread. It waits
    for no lock: a notification that is changed at the same time becomes unread again anyway.
    """
    return bool(session.scalars(marking(user_id, *subjects)).all())


def marking(user_id: int, *subjects: Subject) -> ReturningUpdate[int]:
    """Return the statement of `mark_seen`; it returns the ids of what was unread."""
    seen = (
        select(Notification.id)
        .where(Notification.recipient_id == user_id, ~Notification.is_read, or_(*subjects))
        .with_for_update(skip_locked=True)
    )
    return (
        update(Notification)
        .where(is_among(Notification.id, seen))
        .values(is_read=True)
        .returning(Notification.id)
        .execution_options(synchronize_session=False)
    )


def of_pictures(generation_ids: Sequence[int]) -> Subject:
    """Return the condition that a notification is about one of these pictures, or its order."""
    return Notification.generation_id.in_(generation_ids) | _is_of_orders(generation_ids)


def of_endings(generation_ids: Sequence[int]) -> Subject:
    """Return the condition that a notification says that one of these pictures has ended.

    Where a picture is only listed, nobody sees its likes and comments.
    """
    return Notification.type.in_(ENDINGS) & of_pictures(generation_ids)


def of_style(style_id: int) -> Subject:
    """Return the condition that a notification is about a style, but not its hidden artworks."""
    return and_(*_of_style(style_id), Notification.type != NotificationType.ARTWORK_HIDDEN)


def of_hidden_artworks(style_id: int) -> Subject:
    """Return the condition that a notification is about a hidden artwork of a style."""
    return and_(*_of_style(style_id), Notification.type == NotificationType.ARTWORK_HIDDEN)


def of_targets(*target_types: str) -> Subject:
    """Return the condition that a notification is about a target of one of these types."""
    return Notification.target_type.in_(target_types)


def _of_style(style_id: int) -> tuple[ColumnElement[bool], ...]:
    return Notification.target_type == "style", Notification.target_id == style_id


def _is_of_orders(generation_ids: Sequence[int]) -> ColumnElement[bool]:
    keys = notification_groups.keys_of_orders(generation_ids)
    return is_among(Notification.dedupe_key, keys)


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
    return delete_chosen(session, Notification.id, old)
