"""What people see of their notifications: what happened, to what, and by whom.

The words are not stored: `type` and the target's title are enough for who shows it to say it in the
reader's language.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style
from webapp.domain.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.viewing import signed_url

COLUMNS = (
    Notification.id,
    Notification.type,
    Notification.actor_id,
    Notification.target_type,
    Notification.target_id,
    Notification.is_read,
    Notification.created_at,
    User.username.label("actor_name"),
    User.profile_image_key.label("actor_image_key"),
    Style.name.label("title"),
    func.coalesce(Generation.thumbnail_key, Style.thumbnail_key).label("thumbnail_key"),
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


def _with_targets() -> AnySelect:
    """Select notifications with their actor, and the style that they or their image are of."""
    is_generation = Notification.target_type == "generation"
    its_style = case((Notification.target_type == "style", Notification.target_id))
    return (
        select(*COLUMNS)
        .outerjoin(User, User.id == Notification.actor_id)
        .outerjoin(Generation, is_generation & (Generation.id == Notification.target_id))
        .outerjoin(Style, Style.id == func.coalesce(Generation.style_id, its_style))
    )


def _view(storage: Storage, row: AnyRow) -> dict[str, Any]:
    actor = {
        "id": row.actor_id,
        "username": row.actor_name,
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
            "thumbnail_url": signed_url(storage, row.thumbnail_key),
            "excerpt": None,  # what is told so far is about images and styles, not about words
        },
        "is_read": row.is_read,
        "created_at": row.created_at,
    }
