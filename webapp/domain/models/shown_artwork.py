"""Artworks that artists chose to show beside the samples of their styles."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, ObjectKey

MAX_SHOWN, MAX_TITLE = 12, 80


class ShownArtwork(Base):
    """One chosen artwork of a style; without a row an artwork is private.

    What is shown is its preview, made by a job. A choice that was taken back and made again is
    another row, with another job.
    """

    __tablename__ = "shown_artworks"
    __table_args__ = (
        CheckConstraint(f"place BETWEEN 1 AND {MAX_SHOWN}", name="place"),
        # At the end of the transaction: a new order moves several at once.
        UniqueConstraint("style_id", "place", deferrable=True, initially="DEFERRED"),
        UniqueConstraint("artwork_id"),
        CheckConstraint(
            "num_nulls(preview_key, preview_width, preview_height) IN (0, 3)", name="preview_whole"
        ),
        Index("ix_shown_artworks_recent", "created_at", "id"),
    )

    id: Mapped[Id]
    style_id: Mapped[int] = mapped_column(ForeignKey("styles.id", ondelete="CASCADE"))
    artwork_id: Mapped[int] = mapped_column(ForeignKey("artworks.id", ondelete="CASCADE"))
    place: Mapped[int]
    title: Mapped[str] = mapped_column(String(MAX_TITLE), server_default="")
    preview_key: Mapped[ObjectKey | None]
    preview_width: Mapped[int | None]
    preview_height: Mapped[int | None]
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[CreatedAt]
