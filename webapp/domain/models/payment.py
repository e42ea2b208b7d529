"""Purchases: tokens bought for money through the payment provider."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, Time, one_of
from webapp.domain.models.documents import PaymentFailure

# Of a refund that a buyer asks for, in characters.
MAX_REASON, MAX_NOTE = 500, 500


class PurchaseStatus(StrEnum):
    """The status of a purchase: paid has credited its tokens, refunded has debited them again.

    Authorized is committed before the confirm request is sent to the provider. Until the response
    is recorded it is unknown whether the buyer was charged.
    """

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"


class Product(StrEnum):
    """What is bought: tokens, credits of Sets, or a month of the plan pro of Sets."""

    TOKENS = "tokens"
    SETS_CREDITS = "sets_credits"
    SETS_PRO = "sets_pro"


class Purchase(Base):
    """One order of a package, stored before the buyer sees the provider's page."""

    __tablename__ = "purchases"
    __table_args__ = (
        UniqueConstraint("order_id"),
        UniqueConstraint("payment_key"),
        CheckConstraint(one_of("status", PurchaseStatus), name="status"),
        CheckConstraint(one_of("product", Product), name="product"),
        CheckConstraint(
            "total_price > 0 AND amount_tokens >= 0 AND amount_credits >= 0 "
            "AND (amount_tokens > 0) = (product = 'tokens') "
            "AND (amount_credits > 0) = (product <> 'tokens')",
            name="amounts_positive",
        ),
        CheckConstraint(
            "(sets_account_id IS NULL) = (product = 'tokens')", name="sets_account_named"
        ),
        CheckConstraint(
            "status NOT IN ('paid', 'refunded') OR (payment_key IS NOT NULL AND "
            "approved_at IS NOT NULL)",
            name="paid_has_payment",
        ),
        CheckConstraint(
            "refund_requested_at IS NULL OR status IN ('paid', 'refunded')",
            name="refund_requested_of_paid",
        ),
        CheckConstraint(
            "refund_requested_at IS NOT NULL OR refund_reason IS NULL "
            "AND refund_declined_at IS NULL",
            name="refund_reason_of_request",
        ),
        CheckConstraint(
            "(refund_declined_at IS NULL) = (refund_decline_note IS NULL)",
            name="refund_declined_with_note",
        ),
        Index("ix_purchases_mine", "user_id", "created_at", "id"),
        Index(
            "ix_purchases_open",
            "expires_at",
            postgresql_where="status IN ('pending', 'authorized')",
        ),
        Index(
            "ix_purchases_refunding",
            "updated_at",
            postgresql_where="status = 'paid' AND refund_key IS NOT NULL",
        ),
        Index(
            "ix_purchases_refund_requested",
            "refund_requested_at",
            "id",
            postgresql_where="status = 'paid' AND refund_requested_at IS NOT NULL "
            "AND refund_declined_at IS NULL AND refund_key IS NULL",
        ),
        Index("ix_purchases_approved", "approved_at"),
        Index("ix_purchases_refunded", "refunded_at"),
    )

    id: Mapped[Id]
    order_id: Mapped[str] = mapped_column(String(40), comment="what the provider knows it by")
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    package_id: Mapped[str] = mapped_column(String(30))
    product: Mapped[Product] = mapped_column(String(20), server_default=Product.TOKENS.value)
    sets_account_id: Mapped[int | None] = mapped_column(ForeignKey("sets_accounts.id"))
    amount_tokens: Mapped[int]
    amount_credits: Mapped[int] = mapped_column(server_default="0", comment="of Sets")
    price_per_token: Mapped[int]
    total_price: Mapped[int]
    currency_code: Mapped[str] = mapped_column(String(3), server_default="KRW")
    status: Mapped[PurchaseStatus] = mapped_column(
        String(12), server_default=PurchaseStatus.PENDING.value
    )
    payment_key: Mapped[str | None] = mapped_column(String(200))
    confirm_key: Mapped[str | None] = mapped_column(
        String(64), comment="Idempotency-Key of the confirmation; a new one after PROVIDER_ERROR"
    )
    refund_key: Mapped[str | None] = mapped_column(
        String(64), comment="Idempotency-Key of a refund that has begun"
    )
    refund_requested_at: Mapped[Time | None]
    refund_reason: Mapped[str | None] = mapped_column(
        String(MAX_REASON), comment="what the buyer wrote"
    )
    refund_declined_at: Mapped[Time | None]
    refund_decline_note: Mapped[str | None] = mapped_column(
        String(MAX_NOTE), comment="why the request was declined, for the buyer"
    )
    receipt_url: Mapped[str | None] = mapped_column(Text)
    failure: Mapped[PaymentFailure | None] = mapped_column(JSONB)
    expires_at: Mapped[Time]
    approved_at: Mapped[Time | None]
    refunded_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
