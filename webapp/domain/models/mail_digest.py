"""The mail digest: how often a person wants one, and one row for each that was due."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, Time, one_of


class DigestFrequency(StrEnum):
    """How often a digest is mailed."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"


class MailDigestStatus(StrEnum):
    """queued: nothing was sent yet; sending: the mail server may have it; the others are final.

    unknown: the worker or the connection was lost while it was sent, so it is not sent again.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class MailDigestSetting(Base):
    """What a person chose; without a row the digest is off."""

    __tablename__ = "mail_digest_settings"
    __table_args__ = (
        CheckConstraint(one_of("frequency", DigestFrequency), name="frequency"),
        CheckConstraint("language IN ('en', 'ko')", name="language"),
        CheckConstraint("(frequency = 'off') = (due_at IS NULL)", name="due_unless_off"),
        Index("ix_mail_digest_settings_due", "due_at", postgresql_where="due_at IS NOT NULL"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    frequency: Mapped[DigestFrequency] = mapped_column(String(10))
    language: Mapped[str] = mapped_column(
        String(2), comment="of the page of the choice; that of the account goes before"
    )
    email: Mapped[str] = mapped_column(String(255), comment="that secret and refusals belong to")
    secret: Mapped[str] = mapped_column(String(43), comment="signs the links of unsubscribing")
    refusals: Mapped[int] = mapped_column(server_default="0", comment="of the address, in a row")
    due_at: Mapped[Time | None]
    covered_until: Mapped[Time] = mapped_column(comment="what is older is not in the next digest")
    updated_at: Mapped[CreatedAt]


class MailDigest(Base):
    """One digest; a person has at most one for each date of the market."""

    __tablename__ = "mail_digests"
    __table_args__ = (
        UniqueConstraint("user_id", "day"),
        CheckConstraint(one_of("status", MailDigestStatus), name="status"),
        CheckConstraint(
            "(status IN ('queued', 'sending')) = (finished_at IS NULL)", name="finished"
        ),
        Index("ix_mail_digests_recent", "created_at", "id"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    day: Mapped[date] = mapped_column(comment="in the market's time zone")
    status: Mapped[MailDigestStatus] = mapped_column(
        String(10), server_default=MailDigestStatus.QUEUED.value
    )
    notification_count: Mapped[int] = mapped_column(server_default="0")
    failure: Mapped[str | None] = mapped_column(String(200), comment="the mail server's answer")
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
