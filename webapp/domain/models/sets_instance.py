"""Instances of Sets: parts of a photo that were found or clicked, and runs of the segmenter."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import (
    BigInt,
    CreatedAt,
    Id,
    JsonNumbers,
    ObjectKey,
    Sha256,
    Time,
    one_of,
)
from webapp.domain.models.documents import (
    ClickedPoint,
    SearchedConcept,
    Setting,
    StoredMask,
)


class InstanceState(StrEnum):
    """include: rules apply; lock: no rule may touch it; exclude: it is not selected."""

    INCLUDE = "include"
    LOCK = "lock"
    EXCLUDE = "exclude"


class InstanceSource(StrEnum):
    """The source of the mask. A carried mask is a proposal until a person includes it."""

    FOUND = "found"
    CLICKED = "clicked"
    CARRIED = "carried"


class SetsInstance(Base):
    """One instance of a concept in one photo. Its number stays if the photo is segmented again."""

    __tablename__ = "sets_instances"
    __table_args__ = (
        UniqueConstraint("public_id"),
        UniqueConstraint("photo_id", "concept", "number"),
        CheckConstraint(one_of("state", InstanceState), name="state"),
        CheckConstraint(one_of("source", InstanceSource), name="source"),
        CheckConstraint("score BETWEEN 0 AND 1", name="score"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40), comment="inst_…")
    photo_id: Mapped[int] = mapped_column(ForeignKey("sets_photos.id"))
    concept: Mapped[str] = mapped_column(String(60))
    number: Mapped[int]
    state: Mapped[InstanceState] = mapped_column(
        String(10), server_default=InstanceState.INCLUDE.value
    )
    source: Mapped[InstanceSource] = mapped_column(String(10))
    rule: Mapped[Setting | None] = mapped_column(
        JSONB(none_as_null=True), comment="a setting of its own: {action, value, options}"
    )
    points: Mapped[list[ClickedPoint]] = mapped_column(
        JSONB, server_default="[]", comment="[{x, y, include}], shares of the photo"
    )
    mask_key: Mapped[ObjectKey] = mapped_column(comment="PNG of one bit, size of the photo")
    box: Mapped[JsonNumbers] = mapped_column(comment="[left, top, width, height] in pixels")
    area: Mapped[BigInt]
    score: Mapped[float]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class SetsMask(Base):
    """The cached masks of a segmenter for one prompt in one photo."""

    __tablename__ = "sets_masks"
    __table_args__ = (UniqueConstraint("photo_sha256", "prompt", "segmenter", "version"),)

    id: Mapped[Id]
    photo_sha256: Mapped[Sha256]
    prompt: Mapped[str] = mapped_column(String(200))
    segmenter: Mapped[str] = mapped_column(String(30))
    version: Mapped[str] = mapped_column(String(30))
    found: Mapped[list[StoredMask]] = mapped_column(
        JSONB, server_default="[]", comment="[{mask_key, box, area, score}], largest first"
    )
    created_at: Mapped[CreatedAt]


class SegmentationStatus(StrEnum):
    """The status of a run of the segmenter over one photo."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELED = "canceled"


class SetsSegmentation(Base):
    """One run of the segmenter over one photo, for concepts without a cached mask."""

    __tablename__ = "sets_segmentations"
    __table_args__ = (
        CheckConstraint(one_of("status", SegmentationStatus), name="status"),
        Index(
            "uq_sets_segmentations_one_open",
            "photo_id",
            unique=True,
            postgresql_where="status IN ('queued', 'running')",
        ),
        Index("ix_sets_segmentations_photo", "photo_id", "id"),
    )

    id: Mapped[Id]
    photo_id: Mapped[int] = mapped_column(ForeignKey("sets_photos.id"))
    concepts: Mapped[list[SearchedConcept]] = mapped_column(
        JSONB, server_default="[]", comment="[{name, prompt, is_many}]"
    )
    status: Mapped[SegmentationStatus] = mapped_column(
        String(10), server_default=SegmentationStatus.QUEUED.value
    )
    failure_code: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
