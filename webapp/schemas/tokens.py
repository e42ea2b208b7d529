"""Queries about tokens."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from webapp.schemas.fields import PageQuery

ALIASES = {"consume": "usage", "generation": "usage", "earn": "earning"}


def _canonical(value: Any) -> Any:
    return ALIASES.get(value, value) if isinstance(value, str) else value


def _moment(value: date | datetime) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, time.min, UTC)


Moment = Annotated[date | datetime, Field(union_mode="left_to_right"), AfterValidator(_moment)]


class TransactionQuery(PageQuery):
    """GET /tokens/transactions."""

    type: Annotated[
        Literal["all", "purchase", "usage", "refund", "earning", "bonus", "credit"],
        BeforeValidator(_canonical),
    ] = "all"
    direction: Literal["in", "out"] | None = None
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
