"""Bodies, queries and answers about payouts."""

from typing import Annotated, Literal

from pydantic import Field

from webapp.domain.models.payout import MAX_NOTE, MAX_REFERENCE, PayoutStatus
from webapp.schemas.fields import Answer, Body, Count, Id, Name, PageQuery, PlainText, Time

MAX_PAYOUT = 10**9  # tokens, or KRW, of one request

Reference = Annotated[
    PlainText, Field(min_length=1, max_length=MAX_REFERENCE, examples=["2026-12-01 KB 0042"])
]


class NewPayout(Body):
    """POST /tokens/payouts."""

    amount: int = Field(ge=1, le=MAX_PAYOUT, examples=[100])


class Settlement(Body):
    """POST /admin/payouts/:id/settle: what was paid outside of this site."""

    paid_krw: int = Field(ge=1, le=10**12, examples=[7000])
    reference: Reference
    note: Annotated[PlainText, Field(max_length=MAX_NOTE)] = ""


class PayoutListQuery(PageQuery):
    """GET /admin/payouts."""

    status: PayoutStatus | Literal["all"] = PayoutStatus.REQUESTED


class PayoutAnswer(Answer):
    """One payout request: its tokens, what they were worth, and how it ended."""

    id: Id
    amount_tokens: Count
    amount_krw: Count
    status: PayoutStatus
    paid_krw: int | None = Field(examples=[None])
    reference: str | None = Field(examples=[None])
    note: str = Field(examples=[""])
    created_at: Time
    ended_at: Time | None
    returned_at: Time | None = Field(examples=[None])
    return_note: str | None = Field(examples=[None])


class PaidArtistAnswer(Answer):
    """Who is paid."""

    id: Id
    username: str = Field(examples=["mina"])
    artist_name: Name
    email: str = Field(examples=["mina@example.com"])
    is_active: bool = Field(examples=[True])
    is_deleted: bool = Field(examples=[False])
    earned_token_balance: Count


class DecidedPayoutAnswer(PayoutAnswer):
    """One payout request, as administrators see it."""

    artist: PaidArtistAnswer
