"""One notification of several events: the likes of a picture, the finished pictures of an order.

The row names the latest event, and is unread again with each; `queries.notifications` counts the
likes and pictures when it is displayed. The caller has locked the picture.
"""

from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.models.account import User
from webapp.domain.models.documents import NotificationDetails
from webapp.domain.models.generation import Generation
from webapp.domain.models.like import Like
from webapp.domain.models.notification import GROUP, Notification, NotificationType
from webapp.domain.services import notification_settings

LIKE, READY = NotificationType.LIKE, NotificationType.GENERATION_COMPLETE


def notify_like(session: Session, owner_id: int, *, generation_id: int, actor_id: int) -> None:
    """Notify the owner of a like; all likes of a picture have one notification, of the latest."""
    _notify_group(
        session,
        f"picture:{generation_id}",
        recipient_id=owner_id,
        actor_id=actor_id,
        type=LIKE,
        generation_id=generation_id,
    )


def notify_ready(session: Session, generation: Generation) -> None:
    """Notify the buyer of a finished picture; those of an order have one notification."""
    _notify_group(
        session,
        f"order:{generation.order_id}",
        recipient_id=generation.user_id,
        actor_id=None,
        type=READY,
        generation_id=generation.id,
        details={"is_try_out": True} if generation.is_try_out else {},
    )


def _notify_group(
    session: Session,
    group: str,
    *,
    recipient_id: int,
    actor_id: int | None,
    type: NotificationType,  # noqa: A002 - the name of the column
    generation_id: int,
    details: NotificationDetails | None = None,
) -> None:
    """Insert the notification of a group, or make it new again with the latest event."""
    if not notification_settings.wants(session, recipient_id, type):
        return
    statement = insert(Notification).values(
        recipient_id=recipient_id,
        actor_id=actor_id,
        type=type,
        target_type="generation",
        target_id=generation_id,
        generation_id=generation_id,
        dedupe_key=f"{type.value}{GROUP}{group}",
        details=details or {},
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Notification.recipient_id, Notification.dedupe_key],
            set_={
                "actor_id": statement.excluded.actor_id,
                "target_id": statement.excluded.target_id,
                "generation_id": statement.excluded.generation_id,
                "is_read": False,
                "created_at": func.clock_timestamp(),
            },
        )
    )


def withdraw_like(session: Session, owner_id: int, *, generation_id: int, actor_id: int) -> None:
    """Name another who likes a picture in place of the actor; without one, delete the notification.

    Does nothing where the actor is not the one who is named.
    """
    _replace_actor(
        session,
        Notification.recipient_id == owner_id,
        Notification.dedupe_key == f"{LIKE.value}{GROUP}picture:{generation_id}",
        Notification.actor_id == actor_id,
    )


def withdraw_likes_of(session: Session, user_id: int) -> None:
    """Withdraw all likes of a user, which are deleted already."""
    _replace_actor(
        session,
        Notification.actor_id == user_id,
        Notification.dedupe_key.contains(GROUP, autoescape=True),
    )


def _replace_actor(session: Session, *conditions: ColumnElement[bool]) -> None:
    others = (
        select(Like.user_id)
        .join(User, User.id == Like.user_id)
        .where(
            Like.generation_id == Notification.generation_id,
            Like.user_id != Notification.recipient_id,
        )
        .limit(1)
        # Whoever leaves in this moment is not waited for: that transaction may wait for this one.
        .with_for_update(of=User, read=True, key_share=True, skip_locked=True)
    )
    rows = session.execute(
        update(Notification)
        .where(*conditions)
        .values(actor_id=others.scalar_subquery())
        .returning(Notification.id, Notification.actor_id)
        .execution_options(synchronize_session=False)
    )
    unnamed = [row.id for row in rows if row.actor_id is None]
    if unnamed:
        session.execute(delete(Notification).where(Notification.id.in_(unnamed)))


def key_of_order(generation_id: int) -> ColumnElement[str]:
    """Return the dedupe key of the finished pictures of a picture's order."""
    order_id = select(Generation.order_id).where(Generation.id == generation_id)
    return literal(f"{READY.value}{GROUP}order:") + order_id.scalar_subquery()
