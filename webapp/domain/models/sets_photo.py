"""Photos of Sets: the items of a job, and their edits."""

from enum import StrEnum
from pathlib import PurePosixPath

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, ObjectKey, Sha256, Time, one_of
from webapp.domain.models.documents import PhotoWarning


class PhotoStatus(StrEnum):
    """The status of a photo; changed only by `pipelines.advance_photo`."""

    AWAITED = "awaited"
    CHECKING = "checking"
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class SetsPhoto(Base):
    """One photo of one job. Width and height are those of the upright photo."""

    __tablename__ = "sets_photos"
    __table_args__ = (
        UniqueConstraint("job_id", "idx"),
        CheckConstraint(one_of("status", PhotoStatus), name="status"),
        CheckConstraint("status <> 'done' OR result_key IS NOT NULL OR is_purged", name="done"),
        Index("ix_sets_photos_sha256", "sha256"),
    )

    id: Mapped[Id]
    job_id: Mapped[int] = mapped_column(ForeignKey("sets_jobs.id"))
    idx: Mapped[int]
    position: Mapped[int] = mapped_column(comment="the order of display and export")
    group: Mapped[str] = mapped_column(String(30), server_default="")
    filename: Mapped[str] = mapped_column(String(255), server_default="", comment="never a key")
    content_type: Mapped[str] = mapped_column(String(20))
    declared_size: Mapped[int | None] = mapped_column(BigInteger)
    upload_key: Mapped[ObjectKey]
    status: Mapped[PhotoStatus] = mapped_column(
        String(10), server_default=PhotoStatus.AWAITED.value
    )
    sha256: Mapped[Sha256 | None] = mapped_column(comment="of the uploaded bytes, at confirmation")
    width: Mapped[int | None]
    height: Mapped[int | None]
    photo_key: Mapped[ObjectKey | None] = mapped_column(comment="upright, sRGB, no metadata: PNG")
    preview_key: Mapped[ObjectKey | None] = mapped_column(comment="of the photo, 1024 pixels")
    result_key: Mapped[ObjectKey | None]
    result_preview_key: Mapped[ObjectKey | None]
    result_sha256: Mapped[Sha256 | None]
    result_size: Mapped[int | None] = mapped_column(BigInteger)
    warnings: Mapped[list[PhotoWarning]] = mapped_column(
        JSONB, server_default="[]", comment="[{code, concept}]"
    )
    failure_code: Mapped[str | None] = mapped_column(String(40))
    failure_message: Mapped[str | None] = mapped_column(Text)
    is_purged: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

    @property
    def result_name(self) -> str:
        """The name of the downloaded result: that of the photo, as PNG."""
        return f"{PurePosixPath(self.filename).stem or self.idx + 1}.png"


class SetsEdit(Base):
    """One reserved credit for one run of the rules over one photo; a retry is a new row.

    The row is inserted when the credit is reserved. It ends once: delivered or returned.
    """

    __tablename__ = "sets_edits"
    __table_args__ = (
        UniqueConstraint("photo_id", "attempt"),
        CheckConstraint("attempt >= 1", name="attempt"),
        CheckConstraint("delivered_at IS NULL OR returned_at IS NULL", name="ends_once"),
    )

    id: Mapped[Id]
    photo_id: Mapped[int] = mapped_column(ForeignKey("sets_photos.id"))
    attempt: Mapped[int]
    delivered_at: Mapped[Time | None]
    returned_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
