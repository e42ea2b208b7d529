"""Copies of a person's data, made by a job and kept for some days."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, ObjectKey, Time, one_of


class DataExportStatus(StrEnum):
    """The status of a copy."""

    QUEUED = "queued"
    READY = "ready"
    FAILED = "failed"


class DataExport(Base):
    """One copy; a person has at most one that is being made."""

    __tablename__ = "data_exports"
    __table_args__ = (
        CheckConstraint(one_of("status", DataExportStatus), name="status"),
        CheckConstraint("status <> 'ready' OR archive_key IS NOT NULL", name="ready_has_archive"),
        Index(
            "uq_data_exports_one_queued",
            "user_id",
            unique=True,
            postgresql_where="status = 'queued'",
        ),
        Index("ix_data_exports_user", "user_id", "created_at", "id"),
        Index("ix_data_exports_recent", "created_at", "id"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[DataExportStatus] = mapped_column(
        String(10), server_default=DataExportStatus.QUEUED.value
    )
    archive_key: Mapped[ObjectKey | None]
    archive_size: Mapped[int | None] = mapped_column(BigInteger)
    files_left_out: Mapped[int] = mapped_column(server_default="0")
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
