"""One notification of several events: likes or comments on a picture, pictures of an order.

The likes of a picture have one, the comments of one person on a picture have one, and so have the
finished pictures of an order. The row names the latest event, and is unread again with each;
`queries.notifications` counts the events when it is displayed. The caller has locked the picture.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.models.documents import NotificationDetails
from webapp.domain.models.generation import Generation
from webapp.domain.models.like import Like
from webapp.domain.models.notification import GROUP, Notification, NotificationType
from webapp.domain.services import notification_settings

LIKE, COMMENT = NotificationType.LIKE, NotificationType.COMMENT
READY = NotificationType.GENERATION_COMPLETE
NO_COMMENT = 0  # no id


def notify_like(session: Session, owner_id: int, *, generation_id: int, actor_id: int) -> None:
    """Notify the owner of a like; all likes of a picture have one notification, of the latest."""
    _notify_group(
        session,
        f"picture:{generation_id}",
        recipient_id=owner_id,
        actor_id=actor_id,
        type=LIKE,
        target=("generation", generation_id),
        generation_id=generation_id,
    )


def notify_comment(
    session: Session, recipient_id: int, *, comment_id: int, generation_id: int, actor_id: int
) -> None:
    """Notify the owner of a comment, or the author of the comment that it replies to.

    All comments of one person on a picture have one notification, of the latest.
    """
    _notify_group(
        session,
        f"picture:{generation_id}:{actor_id}",
        recipient_id=recipient_id,
        actor_id=actor_id,
        type=COMMENT,
        target=("comment", comment_id),
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
        target=("generation", generation.id),
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
    target: tuple[str, int],
    generation_id: int,
    details: NotificationDetails | None = None,
) -> None:
    """Insert the notification of a group, or make it new again with the latest event."""
    if not notification_settings.wants(session, recipient_id, type):
        return
    target_type, target_id = target
    statement = insert(Notification).values(
        recipient_id=recipient_id,
        actor_id=actor_id,
        type=type,
        target_type=target_type,
        target_id=target_id,
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
        Notification.type == LIKE,
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


def withdraw_comments(session: Session, generation_id: int, comment_ids: Sequence[int]) -> None:
    """Name the latest other comment in place of deleted or hidden ones; without one, delete it."""
    others = comments_of_group()
    comment_id = others.selected_columns.id
    latest = others.with_only_columns(func.max(comment_id)).where(comment_id.not_in(comment_ids))
    is_group = Notification.dedupe_key.contains(GROUP, autoescape=True)
    rows = session.execute(
        update(Notification)
        .where(
            Notification.generation_id == generation_id,
            Notification.target_type == "comment",
            Notification.target_id.in_(comment_ids),
        )
        .values(
            target_id=case(
                (is_group, func.coalesce(latest.scalar_subquery(), NO_COMMENT)), else_=NO_COMMENT
            )
        )
        .returning(Notification.id, Notification.target_id)
        .execution_options(synchronize_session=False)
    )
    gone = [row.id for row in rows if row.target_id == NO_COMMENT]
    if gone:
        session.execute(delete(Notification).where(Notification.id.in_(gone)))


def comments_of_group() -> Select[int]:
    """Select the comments of the actor of a notification that its recipient was told of.

    Those on the recipient's picture and the replies to the recipient's comments, unless hidden.
    """
    comment, parent, picture = aliased(Comment), aliased(Comment), aliased(Generation)
    on_own_picture = comment.parent_id.is_(None) & (picture.user_id == Notification.recipient_id)
    return (
        select(comment.id)
        .join(picture, picture.id == comment.generation_id)
        .outerjoin(parent, parent.id == comment.parent_id)
        .where(
            comment.generation_id == Notification.generation_id,
            comment.user_id == Notification.actor_id,
            ~comment.is_hidden,
            on_own_picture | (parent.user_id == Notification.recipient_id),
        )
        .correlate(Notification)
    )


def keys_of_orders(generation_ids: Sequence[int]) -> Select[str]:
    """Select the dedupe keys of the finished pictures of these pictures' orders."""
    key = literal(f"{READY.value}{GROUP}order:") + Generation.order_id
    return select(key).where(Generation.id.in_(generation_ids))
