"""Reports of objectionable content or users; an administrator resolves or dismisses them."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, Time, one_of


class ReportTarget(StrEnum):
    """What can be reported."""

    STYLE = "style"
    GENERATION = "generation"
    COMMENT = "comment"
    USER = "user"
    TAG = "tag"
    COLLECTION = "collection"


class ReportReason(StrEnum):
    """Why something is reported."""

    COPYRIGHT = "copyright"
    SEXUAL = "sexual"
    HATE = "hate"
    SPAM = "spam"
    IMPERSONATION = "impersonation"
    OTHER = "other"


class ReportStatus(StrEnum):
    """A report is open until an administrator has decided."""

    OPEN = "open"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


class Report(Base):
    """One report; a user has at most one open report of an object."""

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint(one_of("target_type", ReportTarget), name="target_type"),
        CheckConstraint(one_of("reason", ReportReason), name="reason"),
        CheckConstraint(one_of("status", ReportStatus), name="status"),
        CheckConstraint("(status = 'open') = (resolved_at IS NULL)", name="resolved_has_time"),
        Index(
            "uq_reports_one_open",
            "reporter_id",
            "target_type",
            "target_id",
            unique=True,
            postgresql_where="status = 'open'",
        ),
        Index(
            "ix_reports_open_of",
            "target_type",
            "target_id",
            "created_at",
            "id",
            postgresql_where="status = 'open'",
        ),
        Index("ix_reports_queue", "status", "created_at", "id"),
        Index("ix_reports_all", "created_at", "id"),
    )

    id: Mapped[Id]
    reporter_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    target_type: Mapped[ReportTarget] = mapped_column(String(12))
    target_id: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[ReportReason] = mapped_column(String(15))
    text: Mapped[str] = mapped_column(String(1000), server_default="")
    status: Mapped[ReportStatus] = mapped_column(String(10), server_default=ReportStatus.OPEN.value)
    resolution: Mapped[str | None] = mapped_column(String(500))
    resolved_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
