"""Training runs of styles, with their metrics."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, JsonStrings, ObjectKey, Sha256, Time
from webapp.domain.models.documents import LossPoint, Progress


class TrainingRun(Base):
    """One run; a retrain is a new run. Its job of kind training has this row's id as `ref`."""

    __tablename__ = "training_runs"
    __table_args__ = (
        Index("ix_training_runs_style", "style_id", "id"),
        Index(
            "ix_training_runs_unconfirmed",
            "uploads_expire_at",
            postgresql_where="confirmed_at IS NULL AND finished_at IS NULL",
        ),
    )

    id: Mapped[Id]
    style_id: Mapped[int] = mapped_column(ForeignKey("styles.id"))
    seed: Mapped[int] = mapped_column(BigInteger)
    uploads_expire_at: Mapped[Time | None]
    confirmed_at: Mapped[Time | None]
    accepts_similar: Mapped[bool] = mapped_column(server_default="false")
    progress: Mapped[Progress | None] = mapped_column(JSONB)
    loss_history: Mapped[list[LossPoint]] = mapped_column(JSONB, server_default="[]")
    sample_keys: Mapped[JsonStrings]
    metric: Mapped[dict[str, float] | None] = mapped_column(JSONB)
    checkpoint_key: Mapped[ObjectKey | None]
    adapter_key: Mapped[ObjectKey | None]
    adapter_sha256: Mapped[Sha256 | None]
    attempt: Mapped[int] = mapped_column(server_default="1")
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    failure_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
