"""Switch kinds of notifications off and on; which kinds somebody wants."""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.models.account import User
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.notification_setting import (
    ALWAYS_ON,
    KIND_OF,
    NotificationKind,
    NotificationSetting,
)
from webapp.domain.services import accounts


def change(session: Session, *, user: User, in_bell: Mapping[NotificationKind, bool]) -> None:
    """Switch some kinds off or on for a user; the other kinds stay as they are.

    Raises ValidationFailed for a kind of ALWAYS_ON that is switched off.
    """
    accounts.lock_active(session, user.id)
    refused = sorted(kind for kind, is_on in in_bell.items() if kind in ALWAYS_ON and not is_on)
    if refused:
        problem = FieldProblem("These notifications cannot be switched off.")
        raise ValidationFailed(fields={kind.value: [problem] for kind in refused})
    # In one order, so that two requests of one user do not wait for each other.
    chosen = sorted(kind for kind in in_bell if kind not in ALWAYS_ON)
    if not chosen:
        return
    statement = insert(NotificationSetting).values(
        [{"user_id": user.id, "kind": kind, "in_bell": in_bell[kind]} for kind in chosen]
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[NotificationSetting.user_id, NotificationSetting.kind],
            set_={"in_bell": statement.excluded.in_bell, "updated_at": func.clock_timestamp()},
        )
    )


def wants(session: Session, user_id: int, notification_type: NotificationType) -> bool:
    """Return whether a user is to be notified of events of a type."""
    kind = KIND_OF[notification_type]
    if kind in ALWAYS_ON:
        return True
    in_bell = session.scalar(
        select(NotificationSetting.in_bell).where(
            NotificationSetting.user_id == user_id, NotificationSetting.kind == kind
        )
    )
    return in_bell is not False
