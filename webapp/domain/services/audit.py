"""The audit log: every change by an administrator, written in the same transaction."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.db import Base
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.documents import AuditValues


def change(
    session: Session,
    *,
    admin_id: int,
    object_type: str,
    row: Base,
    values: Mapping[str, str | int | bool | None],
    reason: str,
) -> None:
    """Set columns of a row that the caller has locked, and log their values before and after.

    Columns that already have their value are not logged; without any change nothing is written.
    """
    before = {name: getattr(row, name) for name in values}
    after = {name: value for name, value in values.items() if value != before[name]}
    for name, value in after.items():
        setattr(row, name, value)
    session.flush()
    if after:
        record(
            session,
            admin_id=admin_id,
            object_type=object_type,
            object_id=row.id,  # type: ignore[attr-defined]
            before={name: before[name] for name in after},
            after=after,
            reason=reason,
        )


def last(session: Session, *, object_type: str, object_id: int) -> AuditEntry | None:
    """Return the newest entry about an object."""
    return session.scalar(
        select(AuditEntry)
        .where(AuditEntry.object_type == object_type, AuditEntry.object_id == str(object_id))
        .order_by(AuditEntry.created_at.desc(), AuditEntry.id.desc())
        .limit(1)
    )


def record(
    session: Session,
    *,
    admin_id: int,
    object_type: str,
    object_id: int,
    before: AuditValues,
    after: AuditValues,
    reason: str,
) -> None:
    """Insert one entry into the log."""
    session.execute(
        insert(AuditEntry).values(
            admin_id=admin_id,
            object_type=object_type,
            object_id=str(object_id),
            before=before,
            after=after,
            reason=reason,
        )
    )
