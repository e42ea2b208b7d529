"""Jobs of Sets: one album with one rule. The table of background jobs is `models.job`."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, JsonStrings, Time, one_of
from webapp.domain.models.documents import OverrideSettings, Setting


class SetsJobStatus(StrEnum):
    """The status of a job; changed only by `pipelines.advance_sets_job`."""

    CREATED = "created"
    UPLOADED = "uploaded"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class SetsJob(Base):
    """One album with one rule. Each photo costs one credit, reserved when the job is created.

    A job created from another one (`source_job_id`) has its photos, masks and choices. A variant
    (`parent_id`) was created by the execution of its parent and does not count as an active job.
    """

    __tablename__ = "sets_jobs"
    __table_args__ = (
        UniqueConstraint("public_id"),
        CheckConstraint(one_of("status", SetsJobStatus), name="status"),
        CheckConstraint("item_count BETWEEN 1 AND 200", name="item_count"),
        Index("ix_sets_jobs_account", "account_id", "created_at", "id"),
        Index(
            "ix_sets_jobs_active",
            "account_id",
            postgresql_where="status IN ('created', 'uploaded', 'queued', 'running')",
        ),
        Index(
            "ix_sets_jobs_waiting",
            "updated_at",
            postgresql_where="status IN ('created', 'uploaded')",
        ),
        Index("ix_sets_jobs_expiring", "expires_at", postgresql_where="purged_at IS NULL"),
        Index("ix_sets_jobs_parent", "parent_id", postgresql_where="parent_id IS NOT NULL"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40), comment="job_…")
    account_id: Mapped[int] = mapped_column(ForeignKey("sets_accounts.id"))
    source_job_id: Mapped[int | None] = mapped_column(ForeignKey("sets_jobs.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("sets_jobs.id"))
    preset_id: Mapped[str] = mapped_column(String(30))
    status: Mapped[SetsJobStatus] = mapped_column(
        String(10), server_default=SetsJobStatus.CREATED.value
    )
    item_count: Mapped[int]
    name: Mapped[str] = mapped_column(
        String(50), server_default="", comment="of the variant, or of the saved rule"
    )
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("sets_rules.id"))
    # Set by the execution and not changed after it.
    concepts: Mapped[dict[str, Setting]] = mapped_column(
        JSONB, server_default="{}", comment="{concept: {action, value, options, prompt}}"
    )
    protect: Mapped[JsonStrings]
    overrides: Mapped[list[OverrideSettings]] = mapped_column(
        JSONB, server_default="[]", comment="[{items | group, concepts}]"
    )
    style_prices: Mapped[dict[str, int]] = mapped_column(
        JSONB,
        server_default="{}",
        comment="{style id: tokens a region} that its person agreed to",
    )
    style_licenses: Mapped[dict[str, str]] = mapped_column(
        JSONB,
        server_default="{}",
        comment="{style id: licence} of these prices; without one that of the style",
    )
    output_template: Mapped[str] = mapped_column(String(30), server_default="")
    has_watermark: Mapped[bool] = mapped_column(server_default="true")
    request_id: Mapped[str] = mapped_column(String(64), server_default="")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
    expires_at: Mapped[Time]
    purged_at: Mapped[Time | None] = mapped_column(comment="its files were deleted")

    @property
    def requested_overrides(self) -> list[OverrideSettings]:
        """The overrides as they were requested, without the members of groups."""
        requested = [each.copy() for each in self.overrides]
        for each in requested:
            each.pop("members", None)
        return requested
