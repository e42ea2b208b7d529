"""Accounts of Sets: anonymous or of a user, with a plan and credits.

An account without a user is used with a bearer token. Signing in adopts it, once.
"""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BigInt, CreatedAt, Id, Time, one_of


class SetsPlan(StrEnum):
    """The plan of an account, with its limits; `pro` is paid by the month."""

    FREE = "free"
    PRO = "pro"


class SetsAccount(Base):
    """The owner of rules, jobs and credits. `credits` caches the sum of the credit entries."""

    __tablename__ = "sets_accounts"
    __table_args__ = (
        UniqueConstraint("public_id"),
        UniqueConstraint("user_id"),
        CheckConstraint("credits >= 0", name="credits_not_negative"),
        CheckConstraint("adopted_by_id IS NULL OR user_id IS NULL", name="adopted_has_no_user"),
        Index("ix_sets_accounts_seen", "seen_at", postgresql_where="user_id IS NULL"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40), comment="u_…")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    credits: Mapped[BigInt] = mapped_column(server_default="0")
    pro_until: Mapped[Time | None] = mapped_column(comment="plan pro up to this moment")
    adopted_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("sets_accounts.id"), comment="all it had moved there; its token is refused"
    )
    token_version: Mapped[int] = mapped_column(
        server_default="0", comment="raised to revoke all tokens issued before"
    )
    seen_at: Mapped[CreatedAt]
    created_at: Mapped[CreatedAt]


class CreditKind(StrEnum):
    """Why the credits of an account changed."""

    WELCOME = "welcome"
    GRANT = "grant"
    RESERVE = "reserve"
    RETURN = "return"
    PURCHASE = "purchase"
    PURCHASE_REFUND = "purchase_refund"
    ADOPTED = "adopted"


class SetsCreditEntry(Base):
    """One change of the credits of one account. Append-only: a trigger refuses other changes."""

    __tablename__ = "sets_credit_entries"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        CheckConstraint(one_of("kind", CreditKind), name="kind"),
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        CheckConstraint("balance_after >= 0", name="balance_not_negative"),
        CheckConstraint("(kind IN ('reserve', 'return')) = (job_id IS NOT NULL)", name="job_named"),
        CheckConstraint("(kind = 'return') = (edit_id IS NOT NULL)", name="return_names_edit"),
        CheckConstraint(
            "(kind IN ('purchase', 'purchase_refund')) = (purchase_id IS NOT NULL)",
            name="purchase_named",
        ),
        CheckConstraint(
            "(amount < 0) = (kind IN ('reserve', 'purchase_refund')) OR kind = 'adopted'",
            name="sign",
        ),
        Index(
            "uq_sets_credit_entries_one_return",
            "edit_id",
            unique=True,
            postgresql_where="kind = 'return'",
        ),
        Index(
            "uq_sets_credit_entries_once_per_purchase",
            "purchase_id",
            "kind",
            unique=True,
            postgresql_where="purchase_id IS NOT NULL",
        ),
        Index("ix_sets_credit_entries_account", "account_id", "created_at", "id"),
        Index("ix_sets_credit_entries_job", "job_id", postgresql_where="job_id IS NOT NULL"),
    )

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("sets_accounts.id"))
    kind: Mapped[CreditKind] = mapped_column(String(20))
    amount: Mapped[BigInt] = mapped_column(comment="credits; below zero where they are taken")
    job_id: Mapped[int | None] = mapped_column(ForeignKey("sets_jobs.id"))
    edit_id: Mapped[int | None] = mapped_column(ForeignKey("sets_edits.id"))
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("purchases.id"))
    idempotency_key: Mapped[str] = mapped_column(String(128))
    balance_after: Mapped[BigInt]
    created_at: Mapped[CreatedAt]
