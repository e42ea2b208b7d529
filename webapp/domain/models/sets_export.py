"""Exports of Sets: finished photos of jobs of one album as one archive, laid out by a template."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, JsonNumbers, ObjectKey, Time, one_of


class ExportStatus(StrEnum):
    """The status of an archive."""

    QUEUED = "queued"
    READY = "ready"
    FAILED = "failed"


class SetsExport(Base):
    """One archive of one job, or of up to eight jobs of one album; created once, then reused."""

    __tablename__ = "sets_exports"
    __table_args__ = (
        # `version` is a hash of the results: it changes if photos are retried after an export.
        UniqueConstraint("job_id", "other_jobs", "template", "language", "version"),
        CheckConstraint(one_of("status", ExportStatus), name="status"),
        CheckConstraint("status <> 'ready' OR archive_key IS NOT NULL", name="ready_has_archive"),
        Index("ix_sets_exports_job", "job_id"),
    )

    id: Mapped[Id]
    job_id: Mapped[int] = mapped_column(ForeignKey("sets_jobs.id"))
    other_jobs: Mapped[JsonNumbers] = mapped_column(comment="ids of the other jobs, in their order")
    template: Mapped[str] = mapped_column(String(30))
    language: Mapped[str] = mapped_column(String(2))
    version: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[ExportStatus] = mapped_column(
        String(10), server_default=ExportStatus.QUEUED.value
    )
    archive_key: Mapped[ObjectKey | None]
    archive_size: Mapped[int | None] = mapped_column(BigInteger)
    failure_code: Mapped[str | None] = mapped_column(String(40))
    failure_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
