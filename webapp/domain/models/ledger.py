"""The ledger: accounts and append-only transfers, balanced by construction.

One row moves one amount from the debit account to the credit account. Accounts of users cache
their balance, never below zero. System accounts have no balance, so transfers do not contend for
their rows.
"""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BigInt, CreatedAt, Id, one_of


class AccountKind(StrEnum):
    """The kinds of accounts; escrow and platform are system accounts."""

    SPENDABLE = "spendable"
    EARNED = "earned"
    PAYOUT = "payout"  # earned tokens of an open payout request
    ESCROW = "escrow"
    PLATFORM = "platform"


class TransferKind(StrEnum):
    """Why an amount moved; its text is made from this when it is displayed."""

    BONUS = "bonus"
    GRANT = "grant"
    HOLD = "hold"
    PAYOUT = "payout"  # the price of a delivered picture, to its artist
    REFUND = "refund"
    REVERSAL = "reversal"
    PURCHASE = "purchase"
    PURCHASE_REFUND = "purchase_refund"
    CONVERSION = "conversion"  # earned tokens become spendable
    CONVERSION_BACK = "conversion_back"  # spendable ones become earned again, for a reversal
    COVER = "cover"  # what the artist lacks for a reversal, paid by the platform
    PAYOUT_REQUEST = "payout_request"  # earned tokens wait to be paid in money
    PAYOUT_SETTLEMENT = "payout_settlement"  # they were paid in money, outside of this site
    PAYOUT_RETURN = "payout_return"  # declined or withdrawn: they are earned tokens again
    PAYOUT_REVERSAL = "payout_reversal"  # the bank returned the money: the same


class Account(Base):
    """An account of tokens. `balance` is null for system accounts."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("owner_id", "kind", postgresql_nulls_not_distinct=True),
        CheckConstraint(one_of("kind", AccountKind), name="kind"),
        CheckConstraint("balance >= 0", name="balance_not_negative"),
        CheckConstraint("(owner_id IS NULL) = (balance IS NULL)", name="system_has_no_balance"),
    )

    id: Mapped[Id]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[AccountKind] = mapped_column(String(20))
    balance: Mapped[int | None] = mapped_column(BigInteger)


class Transfer(Base):
    """One amount moved once. Append-only: a trigger refuses UPDATE and DELETE."""

    __tablename__ = "transfers"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint(one_of("kind", TransferKind), name="kind"),
        CheckConstraint(
            "(kind IN ('hold', 'payout', 'refund', 'reversal')) = (generation_id IS NOT NULL)",
            name="generation_named",
        ),
        CheckConstraint(
            "(kind IN ('purchase', 'purchase_refund')) = (purchase_id IS NOT NULL)",
            name="purchase_named",
        ),
        Index(
            "uq_transfers_one_hold", "generation_id", unique=True, postgresql_where="kind = 'hold'"
        ),
        Index(
            "uq_transfers_one_outcome",
            "generation_id",
            unique=True,
            postgresql_where="kind IN ('payout', 'refund')",
        ),
        Index(
            "uq_transfers_one_reversal",
            "generation_id",
            unique=True,
            postgresql_where="kind = 'reversal'",
        ),
        Index(
            "uq_transfers_once_per_purchase",
            "purchase_id",
            "kind",
            unique=True,
            postgresql_where="purchase_id IS NOT NULL",
        ),
        Index("ix_transfers_recent", "created_at", "id"),
        Index("ix_transfers_kind", "kind", "created_at", "id"),
        Index("ix_transfers_debit", "debit_account_id", "kind", "created_at", "id"),
        Index("ix_transfers_credit", "credit_account_id", "kind", "created_at", "id"),
    )

    id: Mapped[Id]
    debit_account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    credit_account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[BigInt]
    kind: Mapped[TransferKind] = mapped_column(String(20))
    generation_id: Mapped[int | None] = mapped_column(ForeignKey("generations.id"))
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("purchases.id"))
    idempotency_key: Mapped[str] = mapped_column(String(128))
    debit_balance_after: Mapped[int | None] = mapped_column(BigInteger)
    credit_balance_after: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
