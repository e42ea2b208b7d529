"""Bodies and answers about refunds that buyers ask for."""

from typing import Annotated

from pydantic import Field

from webapp.domain.models.payment import MAX_REASON, Product
from webapp.schemas.fields import Answer, Body, Count, Id, PlainText, Time
from webapp.schemas.payments import ORDER_ID

Text = Annotated[str | None, Field(examples=["I bought the wrong package."])]


class NewRefundRequest(Body):
    """POST /tokens/purchases/:order_id/refund-request."""

    reason: Annotated[
        PlainText, Field(max_length=MAX_REASON, examples=["I bought the wrong package."])
    ] = ""


class RequestingBuyerAnswer(Answer):
    """Who asks for a refund, and the tokens or credits of Sets that are left."""

    id: Id
    username: str = Field(examples=["mina"])
    is_active: bool = Field(examples=[True])
    available: Count


class RefundRequestAnswer(Answer):
    """One payment whose refund its buyer asks for, as administrators see it; price in KRW."""

    order_id: str = Field(examples=[ORDER_ID])
    buyer: RequestingBuyerAnswer
    product: Product
    amount_tokens: Count
    amount_credits: Count
    total_price: Count
    approved_at: Time | None
    is_covered: bool = Field(
        examples=[True],
        description="the buyer has at least as many tokens or credits as the payment added",
    )
    refund_requested_at: Time | None
    refund_reason: Text
    refund_declined_at: Time | None = Field(examples=[None])
    refund_decline_note: str | None = Field(examples=[None])
