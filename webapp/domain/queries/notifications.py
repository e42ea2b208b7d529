"""What people see of their notifications: what happened, to what, and by whom.

The words are not stored: `type` and the target's title are enough for who shows it to say it in the
reader's language.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, cast, func, select
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.notification import Notification
from webapp.domain.models.payment import Purchase
from webapp.domain.models.style import Style
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations, notifications

MAX_EXCERPT = 80

COLUMNS = (
    Notification.id,
    Notification.recipient_id,
    Notification.type,
    Notification.actor_id,
    Notification.target_type,
    Notification.target_id,
    Notification.details,
    Notification.is_read,
    Notification.created_at,
    User.username.label("actor_name"),
    User.display_name.label("actor_display_name"),
    User.profile_image_key.label("actor_image_key"),
    case(
        (Notification.target_type == "user", User.username),
        # an order is of tokens or of credits, never of both
        (
            Notification.target_type == "purchase",
            cast(Purchase.amount_tokens + Purchase.amount_credits, Text),
        ),
        else_=Style.name,
    ).label("title"),
    func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
    Generation.id.label("generation_id"),
    Comment.content,
    Comment.is_hidden,
    *generations.VISIBILITY,
)


def own(
    session: Session, storage: Storage, *, user_id: int, unread_only: bool, page: PageRequest
) -> Page:
    """List what a person was told, newest first."""
    ids = select(Notification.id).where(Notification.recipient_id == user_id)
    if unread_only:
        ids = ids.where(~Notification.is_read)
    keyset = Keyset(
        [(Notification.created_at, "created_at", datetime), (Notification.id, "id", int)],
        {"list": "notifications", "user_id": user_id, "unread_only": unread_only},
    )
    rows = session.execute(keyset.look_up(_with_targets(), keyset.apply(ids, page))).all()
    return keyset.page(rows, page, lambda row: _view(storage, row))


def one(session: Session, storage: Storage, notification_id: int) -> dict[str, Any]:
    """Return one notification."""
    row = session.execute(_with_targets().where(Notification.id == notification_id)).one()
    return _view(storage, row)


def newest(session: Session, storage: Storage, *, user_id: int) -> dict[str, Any] | None:
    """Return what a person was told last, or None."""
    row = session.execute(
        _with_targets()
        .where(Notification.recipient_id == user_id)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _view(storage, row)


def stamp(session: Session, user_id: int) -> tuple[Any, ...]:
    """Return what changes whenever a person is told something or reads it."""
    last = select(func.max(Notification.id)).where(Notification.recipient_id == user_id)
    return notifications.unread_count(session, user_id), session.scalar(last)


def _with_targets() -> AnySelect:
    """Select notifications with what they are about: a comment, image, style or purchase."""
    its_comment = case((Notification.target_type == "comment", Notification.target_id))
    its_image = case((Notification.target_type == "generation", Notification.target_id))
    its_purchase = case((Notification.target_type == "purchase", Notification.target_id))
    its_style = case((Notification.target_type == "style", Notification.target_id))
    return (
        select(*COLUMNS)
        .outerjoin(User, User.id == Notification.actor_id)
        .outerjoin(Comment, Comment.id == its_comment)
        .outerjoin(Generation, Generation.id == func.coalesce(Comment.generation_id, its_image))
        .outerjoin(Purchase, Purchase.id == its_purchase)
        .outerjoin(Style, Style.id == func.coalesce(Generation.style_id, its_style))
    )


def _view(storage: Storage, row: AnyRow) -> dict[str, Any]:
    # Its owner may have hidden the image since; then nothing leads there, and neither its picture
    # nor its words are shown.
    is_shown = row.user_id is None or generations.may_see(Viewer(row.recipient_id), row)
    actor = {
        "id": row.actor_id,
        "username": row.actor_name,
        "display_name": row.actor_display_name,
        "profile_image": signed_url(storage, row.actor_image_key),
    }
    return {
        "id": row.id,
        "type": row.type,
        "actor": actor if row.actor_id is not None else None,
        "target_type": row.target_type,
        "target_id": row.target_id,
        "target": {
            "title": row.title,
            "thumbnail_url": signed_url(storage, row.thumbnail_key) if is_shown else None,
            "excerpt": _excerpt(row) if is_shown else None,
            "generation_id": row.generation_id if is_shown else None,
        },
        "metadata": row.details,
        "is_read": row.is_read,
        "created_at": row.created_at,
    }


def _excerpt(row: AnyRow) -> str | None:
    """Return the first words of the comment; None where there is none that may be read."""
    if row.content is None or row.is_hidden:
        return None
    words = " ".join(row.content.split())
    return words if len(words) <= MAX_EXCERPT else words[: MAX_EXCERPT - 1].rstrip() + "…"
