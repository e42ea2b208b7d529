"""The prices of a style in tokens per image: of its personal licence, its commercial one, or both.

The row of a style has the price of its default licence, `price_tokens` of `license_type`, and if it
sells both, the price of the other one, `commercial_price_tokens`. They are the prices of an image
of 512×512 pixels; an image of more pixels costs as many times more.
"""

from dataclasses import dataclass, replace
from typing import Any

from webapp.domain.errors import FieldProblem
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.style import LicenseType, Style

MIN_PRICE_TOKENS, MAX_PRICE_TOKENS = 1, 10_000  # of one image, whatever its size
CHEAPER = FieldProblem("The commercial licence may not cost less than the personal one.")


def price_for_size(price_tokens: int, aspect_ratio: AspectRatio) -> int:
    """Return the price of an image of this size, given that of 512×512 pixels.

    It is never more than MAX_PRICE_TOKENS.
    """
    return min(price_tokens * aspect_ratio.price_factor, MAX_PRICE_TOKENS)


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of each licence that a style sells, at least of one; None: it is not sold."""

    personal: int | None = None
    commercial: int | None = None

    @classmethod
    def of_style(cls, row: Style | Any) -> "Prices":
        """Return the prices of a style, or of a row that has its columns."""
        if row.license_type == LicenseType.PERSONAL:
            return cls(row.price_tokens, row.commercial_price_tokens)
        return cls(commercial=row.price_tokens)

    @classmethod
    def of_one(cls, license_type: LicenseType, price_tokens: int) -> "Prices":
        """Return the prices of a style that sells one licence."""
        return cls(**{license_type.value: price_tokens})

    def of(self, license_type: LicenseType) -> int | None:
        """Return the price of a licence; None if it is not sold."""
        return self.personal if license_type == LicenseType.PERSONAL else self.commercial

    def changed(self, license_type: LicenseType, price_tokens: int) -> "Prices":
        """Return these prices with another price of a licence."""
        return replace(self, **{license_type.value: price_tokens})

    def for_size(self, aspect_ratio: AspectRatio) -> "Prices":
        """Return the prices of an image of this size, given these of 512×512 pixels."""
        return Prices(
            *(
                None if price is None else price_for_size(price, aspect_ratio)
                for price in (self.personal, self.commercial)
            )
        )

    @property
    def default(self) -> LicenseType:
        """The licence of an order whose buyer chooses none: personal, if it is sold."""
        return LicenseType.COMMERCIAL if self.personal is None else LicenseType.PERSONAL

    @property
    def sold(self) -> list[LicenseType]:
        """The licences that are sold, the default first."""
        return [each for each in LicenseType if self.of(each) is not None]

    @property
    def is_commercial_cheaper(self) -> bool:
        """Whether the commercial licence costs less than the personal one: that is not allowed."""
        if self.personal is None or self.commercial is None:
            return False
        return self.commercial < self.personal

    def columns(self) -> dict[str, object]:
        """Return the columns of a style with these prices."""
        is_both = len(self.sold) == len(LicenseType)
        return {
            "license_type": self.default,
            "price_tokens": self.of(self.default),
            "commercial_price_tokens": self.commercial if is_both else None,
        }
