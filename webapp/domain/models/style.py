"""Styles, the artworks they are trained on, and tags."""

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.db import Base
from webapp.domain.models.account import Artist
from webapp.domain.models.columns import (
    CreatedAt,
    Id,
    JsonStrings,
    ObjectKey,
    Sha256,
    Tags,
    Time,
    grams_of,
    one_of,
)

# A tag of buyers is public once this many people have made images with it public.
MIN_USERS = 3
PUBLIC_USES = f"style_count + CASE WHEN user_count >= {MIN_USERS} THEN image_count ELSE 0 END"

# The columns that the catalogue is filtered by.
FILTERS = [
    "training_status", "license_type", "price_tokens", "commercial_price_tokens", "artist_id",
]  # fmt: skip


class TrainingStatus(StrEnum):
    """The status of a style; changed only by `pipelines.advance_style`."""

    PENDING = "pending"
    TRAINING = "training"
    TRAINED = "trained"
    COMPLETED = "completed"
    FAILED = "failed"


class PublishWhen(StrEnum):
    """When a trained style goes on sale: when its artist publishes it, or after training."""

    BY_ARTIST = "by_artist"
    WHEN_TRAINED = "when_trained"


class LicenseType(StrEnum):
    """How a buyer may use an image."""

    PERSONAL = "personal"
    COMMERCIAL = "commercial"


class ArtworkStatus(StrEnum):
    """The result of the check of one artwork."""

    PENDING = "pending"
    VALID = "valid"
    REJECTED = "rejected"


class Style(Base):
    """A licensed style: one active per artist; names are unique among an artist's active styles."""

    __tablename__ = "styles"
    __table_args__ = (
        CheckConstraint(one_of("training_status", TrainingStatus), name="training_status"),
        CheckConstraint(one_of("license_type", LicenseType), name="license_type"),
        CheckConstraint(one_of("publish", PublishWhen), name="publish"),
        CheckConstraint("price_tokens BETWEEN 1 AND 10000", name="price"),
        CheckConstraint(
            "commercial_price_tokens IS NULL OR license_type = 'personal' "
            "AND commercial_price_tokens BETWEEN price_tokens AND 10000",
            name="commercial_price",
        ),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period"),
        CheckConstraint(
            "training_status <> 'completed' OR adapter_sha256 IS NOT NULL",
            name="completed_has_adapter",
        ),
        CheckConstraint(
            "num_nulls(rights_statement, rights_version, rights_agreed_at) IN (0, 3)",
            name="rights_whole",
        ),
        Index(
            "uq_styles_one_active",
            "artist_id",
            unique=True,
            postgresql_where="is_active AND training_status <> 'failed'",
        ),
        Index(
            "uq_styles_name",
            "artist_id",
            text("lower(name)"),
            unique=True,
            postgresql_where="is_active",
        ),
        # The included columns are the filters of the catalogue: a filter that matches few styles
        # scans the whole index, but not the table.
        Index(
            "ix_styles_recent",
            "created_at",
            "id",
            postgresql_where="is_active AND NOT is_flagged",
            postgresql_include=FILTERS,
        ),
        Index(
            "ix_styles_popular",
            "usage_count",
            "created_at",
            "id",
            postgresql_where="is_active AND NOT is_flagged",
            postgresql_include=FILTERS,
        ),
        Index("ix_styles_all", "created_at", "id"),
        Index("ix_styles_flagged", "created_at", "id", postgresql_where="is_flagged"),
        Index("ix_styles_off", "created_at", "id", postgresql_where="NOT is_active"),
        Index("ix_styles_artist", "artist_id", "created_at", "id"),
        Index("ix_styles_tags", "tags", postgresql_using="gin"),
        Index("ix_styles_grams", "name_grams", postgresql_using="gin"),
    )

    id: Mapped[Id]
    artist_id: Mapped[int] = mapped_column(ForeignKey("artists.user_id"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(2000))
    price_tokens: Mapped[int] = mapped_column(comment="of license_type")
    license_type: Mapped[LicenseType] = mapped_column(
        String(12), comment="of orders that choose none: personal, if it is sold"
    )
    commercial_price_tokens: Mapped[int | None] = mapped_column(
        comment="if both licences are sold; else price_tokens is the only price"
    )
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    tags: Mapped[Tags]
    is_active: Mapped[bool] = mapped_column(server_default="true")
    is_flagged: Mapped[bool] = mapped_column(server_default="false")
    training_status: Mapped[TrainingStatus] = mapped_column(
        String(10), server_default=TrainingStatus.PENDING.value
    )
    publish: Mapped[PublishWhen] = mapped_column(
        String(12), server_default=PublishWhen.BY_ARTIST.value
    )
    usage_count: Mapped[int] = mapped_column(
        server_default="0",
        comment="completed generations that were paid for, moved in the commit that completes one",
    )
    base_model: Mapped[str] = mapped_column(String(200))
    trigger: Mapped[str] = mapped_column(String(50), comment="the rare word bound to the style")
    adapter_key: Mapped[ObjectKey | None]
    adapter_sha256: Mapped[Sha256 | None]
    base_model_sha256: Mapped[Sha256 | None] = mapped_column(
        comment="of the weights it was trained on; NULL: trained before this was recorded"
    )
    thumbnail_key: Mapped[ObjectKey | None]
    sample_keys: Mapped[JsonStrings]
    base_sample_keys: Mapped[JsonStrings] = mapped_column(
        comment="those of the samples without the style, in their order; empty: unknown"
    )
    rights_statement: Mapped[str | None] = mapped_column(
        Text, comment="what the artist agreed to, word for word"
    )
    rights_version: Mapped[str | None] = mapped_column(String(20))
    rights_agreed_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    name_grams: Mapped[list[str]] = grams_of("name::text")

    artist: Mapped[Artist] = relationship(lazy="raise")


class Artwork(Base):
    """One training image of a style; its original file is deleted after the check.

    It is private. A preview of it is public once its artist shows it: `ShownArtwork`.
    """

    __tablename__ = "artworks"
    __table_args__ = (
        CheckConstraint(one_of("status", ArtworkStatus), name="status"),
        Index("uq_artworks_idx", "style_id", "idx", unique=True),
    )

    id: Mapped[Id]
    style_id: Mapped[int] = mapped_column(ForeignKey("styles.id"))
    idx: Mapped[int]
    filename: Mapped[str] = mapped_column(String(255), comment="display text only, never a key")
    upload_key: Mapped[ObjectKey]
    declared_size: Mapped[int] = mapped_column(BigInteger)
    content_type: Mapped[str] = mapped_column(String(20))
    tags: Mapped[Tags]
    status: Mapped[ArtworkStatus] = mapped_column(
        String(10), server_default=ArtworkStatus.PENDING.value
    )
    code: Mapped[str | None] = mapped_column(String(40))
    width: Mapped[int | None]
    height: Mapped[int | None]
    sha256: Mapped[Sha256 | None]
    perceptual_hash: Mapped[str | None] = mapped_column(String(16))
    clean_key: Mapped[ObjectKey | None]
    twin_idx: Mapped[int | None]
    is_removed: Mapped[bool] = mapped_column(server_default="false")
    is_flagged: Mapped[bool] = mapped_column(
        server_default="false", comment="hidden by an administrator, also if it is chosen again"
    )
    created_at: Mapped[CreatedAt]


class Tag(Base):
    """An English word for search and prompts; administrators can deactivate it."""

    __tablename__ = "tags"
    __table_args__ = (
        Index("uq_tags_name", "name", unique=True),
        Index(
            "ix_tags_popular",
            text("usage_count DESC"),
            "name",
            postgresql_where="is_active AND NOT is_flagged AND usage_count > 0",
        ),
        Index("ix_tags_recent", "created_at", "id"),
        Index("ix_tags_flagged", "created_at", "id", postgresql_where="is_flagged"),
        Index("ix_tags_off", "created_at", "id", postgresql_where="NOT is_active"),
        Index("ix_tags_prefix", "name", postgresql_ops={"name": "text_pattern_ops"}),
        Index("ix_tags_grams", "name_grams", postgresql_using="gin"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    style_count: Mapped[int] = mapped_column(
        server_default="0", comment="trained styles that have it"
    )
    image_count: Mapped[int] = mapped_column(
        server_default="0", comment="images everybody may see that have it"
    )
    user_count: Mapped[int] = mapped_column(server_default="0", comment="people with such images")
    usage_count: Mapped[int] = mapped_column(Computed(PUBLIC_USES, persisted=True))
    is_active: Mapped[bool] = mapped_column(server_default="true")
    is_flagged: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[CreatedAt]
    name_grams: Mapped[list[str]] = grams_of("name")
