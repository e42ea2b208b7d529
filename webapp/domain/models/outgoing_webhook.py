"""Webhooks: where a person's programs are told of events, and each message that is sent there."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, Tags, Time, one_of


class WebhookEvent(StrEnum):
    """What programs are told of; TEST only on request, so it is not chosen."""

    GENERATION_COMPLETED = "generation.completed"
    GENERATION_FAILED = "generation.failed"
    GENERATION_REFUNDED = "generation.refunded"
    GENERATION_SOLD = "generation.sold"
    STYLE_TRAINED = "style.trained"
    STYLE_TRAINING_FAILED = "style.training_failed"
    TEST = "webhook.test"


CHOOSABLE = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)
EVENTS = f"ARRAY[{', '.join(repr(event.value) for event in CHOOSABLE)}]"


class DisabledCause(StrEnum):
    """Why an address is not used: its person's wish, a 410, or failures for days."""

    SWITCHED_OFF = "switched_off"
    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    """queued: sent soon, or tried again; the others are final."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Base):
    """One address of a person; the secrets sign what is sent there and are never shown again."""

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint(f"cardinality(events) > 0 AND events <@ {EVENTS}", name="events"),
        CheckConstraint(
            f"disabled_cause IS NULL OR {one_of('disabled_cause', DisabledCause)}",
            name="disabled_cause",
        ),
        CheckConstraint(
            "(previous_secret IS NULL) = (previous_until IS NULL)", name="previous_secret"
        ),
        Index("ix_webhooks_user", "user_id", "id"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[Tags]
    secret: Mapped[str] = mapped_column(String(60), comment="whsec_ and base64; it signs")
    previous_secret: Mapped[str | None] = mapped_column(
        String(60), comment="signs too, until previous_until"
    )
    previous_until: Mapped[Time | None]
    disabled_cause: Mapped[DisabledCause | None] = mapped_column(
        String(12), comment="NULL: it is in use"
    )
    failing_since: Mapped[Time | None] = mapped_column(comment="first failure after a success")
    busy_until: Mapped[Time | None] = mapped_column(comment="while a message is being sent to it")
    created_at: Mapped[CreatedAt]


class WebhookDelivery(Base):
    """One message to one address: the row behind a job, and what came of it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint(one_of("event", WebhookEvent), name="event"),
        CheckConstraint(one_of("status", DeliveryStatus), name="status"),
        Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        Index(
            "ix_webhook_deliveries_queued",
            "created_at",
            postgresql_where="status = 'queued'",
        ),
    )

    id: Mapped[Id]
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(
        String(40), comment="header webhook-id, the same at every try and address"
    )
    event: Mapped[WebhookEvent] = mapped_column(String(30))
    body: Mapped[str] = mapped_column(Text, comment="JSON, byte by byte as it is signed")
    status: Mapped[DeliveryStatus] = mapped_column(
        String(10), server_default=DeliveryStatus.QUEUED.value
    )
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_status: Mapped[int | None] = mapped_column(comment="HTTP status of the last answer")
    last_problem: Mapped[str | None] = mapped_column(String(20), comment="if there was no answer")
    last_attempt_at: Mapped[Time | None]
    next_attempt_at: Mapped[Time | None]
    finished_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
