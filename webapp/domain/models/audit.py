"""The audit log: changes by administrators with values before and after and a reason."""

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id
from webapp.domain.models.documents import AuditValues


class AuditEntry(Base):
    """One change by one administrator. Append-only: a trigger refuses UPDATE and DELETE."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_recent", "created_at", "id"),
        Index("ix_audit_entries_type", "object_type", "created_at", "id"),
        Index("ix_audit_entries_object", "object_type", "object_id", "created_at", "id"),
        Index("ix_audit_entries_admin", "admin_id", "created_at", "id"),
    )

    id: Mapped[Id]
    admin_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    object_type: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[str] = mapped_column(String(40))
    before: Mapped[AuditValues] = mapped_column(JSONB)
    after: Mapped[AuditValues] = mapped_column(JSONB)
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[CreatedAt]
