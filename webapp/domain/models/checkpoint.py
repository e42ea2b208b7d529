"""Checkpoints: the last states of a training run; the artist puts one of them on sale."""

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BigInt, CreatedAt, Id, JsonStrings, ObjectKey, Sha256


class Checkpoint(Base):
    """The adapter at one step of a training run, with sample images.

    The samples are unsigned until the run is published; then they are signed and have thumbnails.
    The base samples have the same words and seeds without the adapter; unknown ones are empty.
    If a later run replaced this one, its files are deleted: `adapter_key` is null and there are no
    samples.
    """

    __tablename__ = "checkpoints"
    __table_args__ = (
        UniqueConstraint("training_run_id", "step"),
        CheckConstraint(
            "num_nulls(gain_palette, gain_texture, gain_edges) IN (0, 3)", name="gain_whole"
        ),
    )

    id: Mapped[Id]
    training_run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id"))
    step: Mapped[int]
    held_out_loss: Mapped[float | None]
    gain_palette: Mapped[float | None] = mapped_column(comment="share of the way to the works")
    gain_texture: Mapped[float | None] = mapped_column(comment="share of the way to the works")
    gain_edges: Mapped[float | None] = mapped_column(comment="energy as a share of the works'")
    adapter_key: Mapped[ObjectKey | None]
    adapter_sha256: Mapped[Sha256]
    adapter_size: Mapped[BigInt]
    sample_keys: Mapped[JsonStrings]
    base_sample_keys: Mapped[JsonStrings]
    thumbnail_keys: Mapped[JsonStrings]
    created_at: Mapped[CreatedAt]
