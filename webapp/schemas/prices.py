"""The prices of a style: in bodies of its artist, and in answers."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from webapp.domain.prices import Prices
from webapp.schemas.fields import Answer, Body, Price

NOT_SOLD = "null: not sold"


class NewPrices(Body):
    """The licences that a style sells from now on, each with its price.

    It is the price of a picture of 512×512 pixels; more pixels cost as many times more.
    """

    personal: Price | None = Field(None, description=NOT_SOLD)
    commercial: Price | None = Field(
        None, description=f"{NOT_SOLD}; not less than the personal one"
    )

    @model_validator(mode="after")
    def _possible(self) -> "NewPrices":
        if not self.prices().sold:
            raise ValueError("At least one licence needs a price.")
        if self.prices().is_commercial_cheaper:
            raise ValueError("The commercial licence may not cost less than the personal one.")
        return self

    def prices(self) -> Prices:
        """Return the prices."""
        return Prices(self.personal, self.commercial)


def _json_object(value: Any) -> Any:
    """Return the value of a JSON text, as a form sends it; an empty one means none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError):
        raise ValueError("Must be a JSON object.") from None


SentPrices = Annotated[NewPrices | None, BeforeValidator(_json_object)]


class PricesOfStyle(Answer):
    """The price of each licence of a style, of a picture of 512×512 pixels; null: not sold."""

    personal: Price | None
    commercial: Price | None
