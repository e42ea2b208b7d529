"""The job table: each row is a job with its outbox state, its retry time and its lease."""

from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BigInt, CreatedAt, Id, Time, one_of
from webapp.domain.models.documents import Handover


class JobKind(StrEnum):
    """The pipeline of a job; `ref` is the id of the row that the job is about."""

    TRAINING = "training"
    GENERATION = "generation"
    PHOTO_CHECK = "photo_check"
    SEGMENTATION = "segmentation"
    PHOTO_EDIT = "photo_edit"
    SETS_EXPORT = "sets_export"
    DEEP_SEARCH = "deep_search"
    DATA_EXPORT = "data_export"
    ARTWORK_PREVIEW = "artwork_preview"
    WEBHOOK_DELIVERY = "webhook_delivery"
    MAIL_DIGEST = "mail_digest"


class JobState(StrEnum):
    """queued: will be published; running: leased to one worker; the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class Job(Base):
    """One background job. Changed only by the conditional updates of `domain.jobs`."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "ref"),
        CheckConstraint(one_of("kind", JobKind), name="kind"),
        CheckConstraint(one_of("state", JobState), name="state"),
        Index(
            "ix_jobs_publication",
            text("coalesce(published_at, '-infinity'::timestamptz)"),
            "run_at",
            postgresql_where="state = 'queued'",
        ),
        Index(
            "ix_jobs_deadlines", "deadline_at", postgresql_where="state IN ('queued', 'running')"
        ),
        Index("ix_jobs_oldest", "kind", "step", "id", postgresql_where="state = 'queued'"),
        Index("ix_jobs_finished_at", "finished_at"),
        Index("ix_jobs_leases", "lease_until", postgresql_where="state = 'running'"),
        Index(
            "ix_jobs_claims", "kind", "step", "batch_key", "id", postgresql_where="state = 'queued'"
        ),
    )

    id: Mapped[Id]
    kind: Mapped[JobKind] = mapped_column(String(20))
    ref: Mapped[BigInt]
    state: Mapped[JobState] = mapped_column(String(10), server_default=JobState.QUEUED.value)
    step: Mapped[str] = mapped_column(String(40))
    batch_key: Mapped[str] = mapped_column(
        String(200), server_default="", comment="jobs that may share a batch: base model and size"
    )
    fence: Mapped[int] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0", comment="retryable failures so far")
    crashes: Mapped[int] = mapped_column(server_default="0", comment="lost workers so far")
    run_at: Mapped[Time] = mapped_column(server_default=func.clock_timestamp())
    published_at: Mapped[Time | None] = mapped_column(comment="when the relay last published it")
    lease_until: Mapped[Time | None]
    deadline_at: Mapped[Time]
    cancel_requested: Mapped[bool] = mapped_column(server_default="false")
    handover: Mapped[Handover] = mapped_column(
        JSONB, server_default="{}", comment="what one step leaves for the next"
    )
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    failure_message: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(String(64), server_default="")
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]

    @property
    def attempt(self) -> int:
        """Return the number of the current attempt, from 1."""
        return self.tries + 1
