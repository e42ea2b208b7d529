"""Generations, one per ordered image; an order is one POST of one to four of them."""

import math
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.db import Base
from webapp.domain.models.account import User
from webapp.domain.models.columns import (
    BigInt,
    CreatedAt,
    Id,
    ObjectKey,
    Sha256,
    Tags,
    Time,
    Unsigned64,
    one_of,
)
from webapp.domain.models.documents import Progress
from webapp.domain.models.license import IssuedLicense
from webapp.domain.models.style import Style


class GenerationStatus(StrEnum):
    """The status of a generation; changed only by `pipelines.advance_generation`."""

    QUEUED = "queued"
    PROCESSING = "processing"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class AspectRatio(StrEnum):
    """The three offered aspect ratios; `size` is width and height in pixels."""

    SQUARE = "1:1"
    LARGE_SQUARE = "2:2"
    PORTRAIT = "1:2"

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels."""
        return {"1:1": (512, 512), "2:2": (1024, 1024), "1:2": (512, 1024)}[self.value]

    @property
    def price_factor(self) -> int:
        """Return how many times the price of a square picture this one costs: by its pixels."""
        return math.prod(self.size) // math.prod(AspectRatio.SQUARE.size)


class Order(Base):
    """One POST of one to four generations."""

    __tablename__ = "orders"
    __table_args__ = (CheckConstraint(one_of("license_type", IssuedLicense), name="license_type"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    style_id: Mapped[int] = mapped_column(ForeignKey("styles.id"))
    count: Mapped[int]
    total_price_tokens: Mapped[BigInt]
    license_type: Mapped[IssuedLicense | None] = mapped_column(
        String(12), comment="chosen by its buyer; NULL: that of the style (ordered by older code)"
    )
    legal_name: Mapped[str | None] = mapped_column(
        String(120), comment="whom the certificates name beside the display name"
    )
    created_at: Mapped[CreatedAt]


class Generation(Base):
    """One image: its price is in escrow until it is delivered signed, or refunded in full.

    A try-out is an image that an artist renders with a checkpoint before the style is on sale. It
    is free, always private, and no counter includes it.
    """

    __tablename__ = "generations"
    __table_args__ = (
        CheckConstraint(one_of("status", GenerationStatus), name="status"),
        CheckConstraint(one_of("aspect_ratio", AspectRatio), name="aspect_ratio"),
        CheckConstraint("seed BETWEEN 0 AND 4294967295", name="seed"),
        CheckConstraint("style_strength BETWEEN 0 AND 1.5", name="style_strength"),
        CheckConstraint("price_tokens BETWEEN 0 AND 10000", name="price"),
        # The checkpoint of a try-out is deleted with the artist's account; this row stays.
        CheckConstraint(
            "(price_tokens = 0) = (checkpoint_id IS NOT NULL) OR deleted_at IS NOT NULL",
            name="try_out_is_free",
        ),
        CheckConstraint("price_tokens > 0 OR NOT is_public", name="try_out_is_private"),
        CheckConstraint(
            "status <> 'completed' OR (image_sha256 IS NOT NULL "
            "AND (image_key IS NOT NULL OR deleted_at IS NOT NULL))",
            name="completed_has_image",
        ),
        CheckConstraint("status = 'completed' OR NOT is_public", name="only_completed_is_public"),
        CheckConstraint("deleted_at IS NULL OR NOT is_public", name="deleted_is_private"),
        Index(
            "ix_generations_feed",
            "created_at",
            "id",
            postgresql_where="is_public AND NOT is_flagged",
        ),
        Index(
            "ix_generations_popular",
            "like_count",
            "created_at",
            "id",
            postgresql_where="is_public AND NOT is_flagged",
        ),
        Index(
            "ix_generations_ratio",
            "aspect_ratio",
            "created_at",
            "id",
            postgresql_where="is_public AND NOT is_flagged",
        ),
        Index(
            "ix_generations_ratio_popular",
            "aspect_ratio",
            "like_count",
            "created_at",
            "id",
            postgresql_where="is_public AND NOT is_flagged",
        ),
        Index("ix_generations_mine", "user_id", "created_at", "id"),
        Index(
            "ix_generations_mine_by_status",
            "user_id",
            "status",
            "created_at",
            "id",
            postgresql_include=["price_tokens"],
        ),
        Index(
            "ix_generations_user_popular",
            "user_id",
            "like_count",
            "created_at",
            "id",
            postgresql_where="is_public AND NOT is_flagged",
        ),
        # The included columns let a style's page sum them with an index-only scan.
        Index(
            "ix_generations_style",
            "style_id",
            "created_at",
            "id",
            postgresql_include=["status", "like_count", "price_tokens", "deleted_at"],
        ),
        Index(
            "ix_generations_style_popular",
            "style_id",
            "like_count",
            "created_at",
            "id",
            postgresql_where="is_public AND NOT is_flagged",
        ),
        # What a style sold by time, with an index-only scan.
        Index(
            "ix_generations_sold",
            "style_id",
            "created_at",
            "id",
            postgresql_where="status = 'completed' AND price_tokens > 0",
            postgresql_include=["order_id", "user_id", "price_tokens"],
        ),
        # Every order looks for an image that the buyer already has.
        Index("ix_generations_same", "user_id", "style_id", "seed", "prompt_tags"),
        Index("ix_generations_kept", "created_at", "id", postgresql_where="deleted_at IS NULL"),
        Index("ix_generations_flagged", "created_at", "id", postgresql_where="is_flagged"),
        Index(
            "ix_generations_try_outs",
            "checkpoint_id",
            "id",
            postgresql_where="checkpoint_id IS NOT NULL",
        ),
        Index(
            "ix_generations_unfinished",
            "id",
            postgresql_where="status IN ('queued', 'processing', 'retrying')",
        ),
        Index("ix_generations_tags", "prompt_tags", postgresql_using="gin"),
        CheckConstraint(
            "(watermark_number IS NULL) = (watermark_key_number IS NULL)", name="watermark"
        ),
        Index("ix_generations_watermark", "watermark_number", unique=True),
        # Compared for equality only: a hash index is a third of a B-tree's size.
        *(
            Index(f"ix_generations_{file}_sha256", f"{file}_sha256", postgresql_using="hash")
            for file in ("image", "preview", "thumbnail")
        ),
    )

    id: Mapped[Id]
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    style_id: Mapped[int] = mapped_column(ForeignKey("styles.id"))
    status: Mapped[GenerationStatus] = mapped_column(
        String(12), server_default=GenerationStatus.QUEUED.value
    )
    prompt_tags: Mapped[Tags]
    negative_tags: Mapped[Tags]
    description: Mapped[str] = mapped_column(String(500), server_default="")
    aspect_ratio: Mapped[AspectRatio] = mapped_column(String(4))
    width: Mapped[int]
    height: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    style_strength: Mapped[float]
    price_tokens: Mapped[int] = mapped_column(comment="0 for a try-out, and for nothing else")
    adapter_sha256: Mapped[Sha256] = mapped_column(comment="frozen when ordered")
    checkpoint_id: Mapped[int | None] = mapped_column(
        ForeignKey("checkpoints.id", ondelete="SET NULL"),
        comment="what a try-out is drawn with",
    )
    license_public_id: Mapped[str] = mapped_column(String(40), unique=True)
    watermark_number: Mapped[int | None] = mapped_column(
        Unsigned64, comment="drawn when ordered; empty: ordered before there were watermarks"
    )
    watermark_key_number: Mapped[int | None] = mapped_column(
        SmallInteger, comment="of WATERMARK_KEYS"
    )
    progress: Mapped[Progress | None] = mapped_column(JSONB)
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    failure_message: Mapped[str | None] = mapped_column(Text)
    image_key: Mapped[ObjectKey | None]
    preview_key: Mapped[ObjectKey | None]
    thumbnail_key: Mapped[ObjectKey | None]
    image_sha256: Mapped[Sha256 | None]
    preview_sha256: Mapped[Sha256 | None]
    thumbnail_sha256: Mapped[Sha256 | None]
    image_size: Mapped[int | None] = mapped_column(BigInteger)
    is_public: Mapped[bool] = mapped_column(server_default="false")
    is_flagged: Mapped[bool] = mapped_column(server_default="false")
    like_count: Mapped[int] = mapped_column(server_default="0")
    comment_count: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    completed_at: Mapped[Time | None]
    deleted_at: Mapped[Time | None] = mapped_column(comment="its owner left; the ledger stays")

    @hybrid_property
    def is_try_out(self) -> bool:
        """Whether this is an artist's free private image."""
        return self.price_tokens == 0

    user: Mapped[User] = relationship(lazy="raise")
    style: Mapped[Style] = relationship(lazy="raise")
