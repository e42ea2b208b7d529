"""Bodies and answers of what Sets sells: credits and the plan pro."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.payment import Product
from webapp.schemas.fields import Answer, Body, Count


class OfferView(Answer):
    """Credits, or a plan with credits, for money; prices in KRW."""

    package_id: str = Field(examples=["credits_100"])
    product: Literal[Product.SETS_CREDITS, Product.SETS_PRO]
    amount_credits: Count
    pro_days: Count
    total_price: Count
    currency_code: Literal["KRW"]


class CreditsOrder(Body):
    """POST /sets/credits/purchase; prices are ours and never read."""

    package_id: str = Field(max_length=100, examples=["credits_100"])


class PlanOrder(Body):
    """POST /sets/plan/purchase."""

    package_id: str = Field("pro_month", max_length=100, examples=["pro_month"])
