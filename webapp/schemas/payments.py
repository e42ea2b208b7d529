"""Bodies, queries and answers of purchases, the provider's redirects, and its webhook."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from webapp.domain.models.payment import Product, PurchaseStatus
from webapp.schemas.fields import (
    MAX_BIGINT,
    Answer,
    Body,
    Count,
    PageQuery,
    SeenText,
    Time,
    Url,
)

ORDER_ID = "P_7Kq2Zt4mWx9Lr3Vb8Nc5Hd6J"


def _once(value: Any) -> Any:
    """Return a parameter that the provider may repeat behind ours."""
    return value[0] if isinstance(value, list) and len(set(value)) == 1 else value


def _cut(value: Any) -> Any:
    return value[:500] if isinstance(value, str) else value


Amount = Annotated[int, Field(ge=0, le=MAX_BIGINT, examples=[10_000])]
OrderId = Annotated[
    SeenText,
    BeforeValidator(_once),
    StringConstraints(max_length=64),
    Field(examples=[ORDER_ID]),
]
PaymentKey = Annotated[
    SeenText,
    StringConstraints(min_length=1, max_length=200),
    Field(examples=["tviva20260115120000Ab1C2"]),
]
ProviderText = Annotated[SeenText, BeforeValidator(_once), BeforeValidator(_cut)]


class PurchaseRequest(Body):
    """POST /tokens/purchase; prices are ours and never read."""

    package_id: str = Field(max_length=100, examples=["basic_100"])


class Confirmation(Body):
    """POST /tokens/purchases/:order_id/confirm."""

    payment_key: PaymentKey
    amount: Amount


class _FromProvider(Body):
    model_config = ConfigDict(alias_generator=to_camel)


class SuccessQuery(_FromProvider):
    """Where the provider sends a buyer who approved."""

    order_id: OrderId
    payment_key: PaymentKey
    amount: Amount


class FailQuery(_FromProvider):
    """Where the provider sends a buyer who gave up or was refused."""

    order_id: OrderId
    code: ProviderText = ""
    message: ProviderText = ""


class PaymentEvent(_FromProvider):
    """POST /webhooks/toss/payment; the provider wraps it in `data`. A hint, so all else is left."""

    order_id: OrderId
    payment_key: PaymentKey

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, body: Any) -> Any:
        inner = body.get("data") if isinstance(body, dict) else None
        return inner if isinstance(inner, dict) else body


class PurchaseListQuery(PageQuery):
    """GET /tokens/purchases."""

    status: Literal["pending", "authorized", "paid", "failed", "expired", "refunded"] | None = None


class OrderView(Answer):
    """One order of a package, of tokens or of Sets; prices in KRW."""

    order_id: str = Field(examples=[ORDER_ID])
    status: PurchaseStatus
    payment_url: Url | None
    package_id: str = Field(examples=["basic_100"])
    product: Product
    amount_tokens: Count
    amount_credits: Count
    price_per_token: Count
    total_price: Count
    currency_code: Literal["KRW"]
    expires_at: Time


class NewOrder(OrderView):
    """POST /tokens/purchase."""

    status: Literal[PurchaseStatus.PENDING]
    payment_url: Url


class ListedOrder(OrderView):
    """One order of the list."""

    created_at: Time
    receipt_url: Url | None
    is_refundable: bool = Field(
        examples=[True],
        description="paid, and the available tokens or credits are at least as many as it added",
    )
    is_refunding: bool = Field(
        examples=[False], description="an administrator has begun the refund"
    )
    refund_requested_at: Time | None = Field(examples=[None])
    refund_declined_at: Time | None = Field(examples=[None])
    refund_decline_note: str | None = Field(examples=[None])


class PaymentFailure(Answer):
    """Why nothing was paid, in the provider's words, with whatever else it says."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(examples=["REJECT_CARD_COMPANY"])
    message: str = Field(examples=["The card was refused."])


class OrderDetail(ListedOrder):
    """One order with how it ended."""

    approved_at: Time | None
    failure: PaymentFailure | None


class EventTaken(Answer):
    """POST /webhooks/toss/payment: whether it changed an order."""

    applied: bool = Field(examples=[True])
