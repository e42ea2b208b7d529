"""Bodies and queries of purchases, of the provider's redirects, and of its webhook."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from webapp.schemas.fields import MAX_BIGINT, Body, PageQuery, PlainText, Whole


def _once(value: Any) -> Any:
    """Return a parameter that the provider may repeat behind ours."""
    return value[0] if isinstance(value, list) and len(set(value)) == 1 else value


def _cut(value: Any) -> Any:
    return value[:500] if isinstance(value, str) else value


Amount = Annotated[Whole, Field(ge=0, le=MAX_BIGINT)]
OrderId = Annotated[PlainText, BeforeValidator(_once), StringConstraints(max_length=64)]
PaymentKey = Annotated[PlainText, StringConstraints(min_length=1, max_length=200)]
Told = Annotated[PlainText, BeforeValidator(_once), BeforeValidator(_cut)]


class PurchaseRequest(Body):
    """POST /tokens/purchase; prices are ours and never read."""

    package_id: Annotated[str, StringConstraints(max_length=100)]


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
    code: Told = ""
    message: Told = ""


class PaymentEvent(_FromProvider):
    """POST /webhooks/toss/payment; the provider wraps it in `data`. A hint, so all else is left."""

    order_id: OrderId
    payment_key: PaymentKey

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, told: Any) -> Any:
        inner = told.get("data") if isinstance(told, dict) else None
        return inner if isinstance(inner, dict) else told


class PurchaseListQuery(PageQuery):
    """GET /tokens/purchases."""

    status: Literal["pending", "authorized", "paid", "failed", "expired", "refunded"] | None = None
