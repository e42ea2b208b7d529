"""Queries and answers about tokens."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from webapp.schemas.fields import MAX_BIGINT, Answer, Body, Count, Id, Name, PageQuery, Time, Url

ALIASES = {"consume": "usage", "generation": "usage", "earn": "earning"}


def _canonical(value: Any) -> Any:
    return ALIASES.get(value, value) if isinstance(value, str) else value


def _written_out(value: Any) -> Any:
    """Refuse the plain number that pydantic would take for seconds."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("Must be a date or a time.")
    return value


def _moment(value: datetime) -> datetime:
    try:
        # The database knows no offset of sixteen hours.
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("Must be within the years 1 to 9999.") from None


# A day is its midnight in UTC.
Moment = Annotated[
    datetime,
    BeforeValidator(_written_out),
    AfterValidator(_moment),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}),
]


class TransactionQuery(PageQuery):
    """GET /tokens/transactions."""

    type: Annotated[
        Literal["all", "purchase", "usage", "refund", "earning", "payout", "bonus", "credit"],
        BeforeValidator(_canonical),
    ] = "all"
    direction: Literal["in", "out"] | None = None
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")


class Conversion(Body):
    """POST /tokens/conversions."""

    amount: int = Field(ge=1, le=MAX_BIGINT, examples=[50])


class PackageView(Answer):
    """Tokens for money, as offered; prices in KRW."""

    package_id: str = Field(examples=["basic_100"])
    amount_tokens: Count
    total_price: Count
    price_per_token: Count
    discount_percent: int = Field(ge=0, le=100, examples=[10])
    currency_code: Literal["KRW"]


class Balance(Answer):
    """GET /tokens/balance."""

    user_id: Id
    token_balance: Count
    escrowed_tokens: Count
    earned_token_balance: Count


class StyleOfTransaction(Answer):
    """The style that tokens moved for."""

    id: Id
    name: Name


class GenerationOfTransaction(Answer):
    """The image that tokens moved for."""

    id: Id
    thumbnail_url: Url | None


class TransactionView(Answer):
    """One move of tokens, seen from one side."""

    id: Id
    type: Literal["purchase", "usage", "refund", "earning", "payout", "bonus", "credit"]
    direction: Literal["in", "out"]
    amount: int = Field(ge=1, examples=[120])
    unit: Literal["token", "credit"]
    status: Literal["pending", "completed", "refunded"]
    memo: str = Field(examples=["Image in “Ink Harbor”"])
    balance_after: int = Field(examples=[80])
    order_id: str | None = Field(examples=[None])
    related_style: StyleOfTransaction | None
    related_generation: GenerationOfTransaction | None
    related_job_id: str | None = Field(examples=[None])
    created_at: Time
