"""Read which kinds of notifications a user gets."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.notification_setting import (
    ALWAYS_ON,
    NotificationKind,
    NotificationSetting,
)


@dataclass(frozen=True, slots=True)
class KindSetting:
    """One kind: whether the user gets its notifications, and whether they can be switched off."""

    kind: NotificationKind
    in_bell: bool
    can_be_off: bool


def own(session: Session, user_id: int) -> list[KindSetting]:
    """List every kind with a user's setting, in the order of NotificationKind."""
    off = set(
        session.scalars(
            select(NotificationSetting.kind).where(
                NotificationSetting.user_id == user_id, ~NotificationSetting.in_bell
            )
        )
    )
    return [KindSetting(kind, kind not in off, kind not in ALWAYS_ON) for kind in NotificationKind]
