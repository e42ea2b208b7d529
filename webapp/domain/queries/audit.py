"""Read the audit log: the changes by administrators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from webapp.domain.models.account import User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.documents import AuditValues
from webapp.domain.queries.answers import UserName
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import matching

HIDING = ("is_flagged", "is_hidden")


@dataclass(frozen=True)
class AuditFilter:
    """Filters of the audit log; None means all."""

    object_type: str | None = None
    object_id: str | None = None
    admin_id: int | None = None


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """A change by an administrator.

    `before` and `after` are JSON columns: the changed fields of any kind of object.
    """

    id: int
    object_type: str
    object_id: str
    before: AuditValues
    after: AuditValues
    reason: str
    created_at: datetime
    admin: UserName


def changes(session: Session, *, filters: AuditFilter, page: PageRequest) -> Page[AuditedChange]:
    """List the changes by administrators, newest first."""
    conditions = matching(
        (AuditEntry.object_type, filters.object_type),
        (AuditEntry.object_id, filters.object_id),
        (AuditEntry.admin_id, filters.admin_id),
    )
    keyset = Keyset(
        [(AuditEntry.created_at, "created_at", datetime), (AuditEntry.id, "id", int)],
        {"list": "audit", **vars(filters)},
    )
    statement = select(*AuditEntry.__table__.columns, User.username).join(
        User, User.id == AuditEntry.admin_id
    )
    ids = keyset.apply(select(AuditEntry.id).where(*conditions), page)
    rows = session.execute(keyset.look_up(statement, ids)).all()
    return keyset.page(rows, page, _change)


def hidings(
    session: Session, objects: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], AuditedChange]:
    """Return the last change that has hidden each of these objects, by kind and id."""
    if not objects:
        return {}
    named = [(kind, str(number)) for kind, number in objects]
    is_hiding = or_(*(AuditEntry.after.contains({name: True}) for name in HIDING))
    rows = session.execute(
        select(*AuditEntry.__table__.columns, User.username)
        .join(User, User.id == AuditEntry.admin_id)
        .where(tuple_(AuditEntry.object_type, AuditEntry.object_id).in_(named), is_hiding)
        .order_by(AuditEntry.created_at, AuditEntry.id)
    )
    # Of several rows about one object the last one stays.
    return {(row.object_type, int(row.object_id)): _change(row) for row in rows}


def _change(row: AnyRow) -> AuditedChange:
    return AuditedChange(
        id=row.id,
        object_type=row.object_type,
        object_id=row.object_id,
        before=row.before,
        after=row.after,
        reason=row.reason,
        created_at=row.created_at,
        admin=UserName(row.admin_id, row.username),
    )
