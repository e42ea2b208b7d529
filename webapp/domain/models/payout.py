"""Requests of artists to be paid money for earned tokens."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BigInt, CreatedAt, Id, Time, one_of

MAX_REFERENCE, MAX_NOTE = 100, 500


class PayoutStatus(StrEnum):
    """A request is open until an administrator settles or declines it, or its artist withdraws.

    A settled one is returned if the bank transfer came back.
    """

    REQUESTED = "requested"
    SETTLED = "settled"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"


class PayoutRequest(Base):
    """One request. Its tokens are in the artist's payout account while it is open.

    `amount_krw` is what the tokens were worth when it was made; `paid_krw` is less where tax was
    withheld. A returned one keeps what was paid, its note and `ended_at`, the time of the payment.
    """

    __tablename__ = "payout_requests"
    __table_args__ = (
        CheckConstraint(one_of("status", PayoutStatus), name="status"),
        CheckConstraint("amount_tokens > 0 AND amount_krw > 0", name="amounts_positive"),
        CheckConstraint("paid_krw BETWEEN 1 AND amount_krw", name="paid_up_to_worth"),
        CheckConstraint("(status = 'requested') = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint(
            "(status IN ('settled', 'returned')) = (paid_krw IS NOT NULL) "
            "AND (status IN ('settled', 'returned')) = (reference IS NOT NULL)",
            name="settled_has_payment",
        ),
        CheckConstraint(
            "(status = 'returned') = (returned_at IS NOT NULL) "
            "AND (status = 'returned') = (return_note IS NOT NULL)",
            name="returned_has_time",
        ),
        Index(
            "uq_payout_requests_one_open",
            "user_id",
            unique=True,
            postgresql_where="status = 'requested'",
        ),
        Index("ix_payout_requests_own", "user_id", "created_at", "id"),
        Index("ix_payout_requests_queue", "status", "created_at", "id"),
        Index("ix_payout_requests_ended", "ended_at"),
        Index(
            "ix_payout_requests_returned",
            "returned_at",
            postgresql_where="returned_at IS NOT NULL",
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    amount_tokens: Mapped[BigInt]
    amount_krw: Mapped[BigInt]
    status: Mapped[PayoutStatus] = mapped_column(
        String(10), server_default=PayoutStatus.REQUESTED.value
    )
    paid_krw: Mapped[BigInt | None]
    reference: Mapped[str | None] = mapped_column(
        String(MAX_REFERENCE), comment="of the bank transfer"
    )
    note: Mapped[str] = mapped_column(
        String(MAX_NOTE), server_default="", comment="of the administrator, for the artist"
    )
    ended_at: Mapped[Time | None]
    returned_at: Mapped[Time | None]
    return_note: Mapped[str | None] = mapped_column(
        String(MAX_NOTE), comment="why the bank returned the money, for the artist"
    )
    created_at: Mapped[CreatedAt]
