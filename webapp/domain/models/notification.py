"""Notifications: one per event or group of events; the text is made when it is displayed."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, one_of
from webapp.domain.models.documents import NotificationDetails

GROUP = ":group:"


class NotificationType(StrEnum):
    """The kinds of events."""

    FOLLOW = "follow"
    LIKE = "like"
    COMMENT = "comment"
    GENERATION_COMPLETE = "generation_complete"
    GENERATION_FAILED = "generation_failed"
    STYLE_TRAINED = "style_trained"
    STYLE_TRAINING_COMPLETE = "style_training_complete"
    STYLE_TRAINING_FAILED = "style_training_failed"
    PAYMENT_COMPLETE = "payment_complete"
    SET_JOB_COMPLETE = "set_job_complete"
    SET_JOB_FAILED = "set_job_failed"
    STYLE_OUTDATED = "style_outdated"
    REPORT_DECIDED = "report_decided"
    STYLE_SALES = "style_sales"
    REFUND = "refund"
    PAYOUT_DECIDED = "payout_decided"
    DATA_EXPORT_READY = "data_export_ready"
    ARTWORK_HIDDEN = "artwork_hidden"
    WEBHOOK_DISABLED = "webhook_disabled"
    MAIL_DIGEST_STOPPED = "mail_digest_stopped"


class Notification(Base):
    """One event for one recipient; the unique dedupe key prevents duplicates.

    Some events share a row, which names the latest: the likes of a picture, the comments of one
    person on a picture, and the finished pictures of an order. Their dedupe key contains GROUP.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("recipient_id", "dedupe_key"),
        CheckConstraint(one_of("type", NotificationType), name="type"),
        Index("ix_notifications_recent", "recipient_id", "created_at", "id"),
        Index(
            "ix_notifications_unread",
            "recipient_id",
            "created_at",
            "id",
            postgresql_where="NOT is_read",
        ),
        Index("ix_notifications_retention", "is_read", "created_at"),
        Index(
            "ix_notifications_of_picture",
            "generation_id",
            "recipient_id",
            postgresql_where="generation_id IS NOT NULL",
        ),
    )

    id: Mapped[Id]
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    type: Mapped[NotificationType] = mapped_column(String(30))
    target_type: Mapped[str] = mapped_column(String(20))
    target_id: Mapped[int] = mapped_column(BigInteger)
    generation_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="the picture that it is about, also of a comment"
    )
    dedupe_key: Mapped[str] = mapped_column(String(100))
    # Not `metadata`: that name is SQLAlchemy's own.
    details: Mapped[NotificationDetails] = mapped_column("metadata", JSONB, server_default="{}")
    is_read: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[CreatedAt]
