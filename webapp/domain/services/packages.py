"""The packages that can be bought for money, and their prices."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.domain.errors import InvalidPackage
from webapp.domain.models.payment import Product

CURRENCY = "KRW"


@dataclass(frozen=True)
class Package:
    """Tokens, or credits of Sets, for money; prices in whole units of the currency."""

    package_id: str
    amount_tokens: int
    total_price: int
    product: Product = Product.TOKENS
    amount_credits: int = 0

    @property
    def price_per_token(self) -> int:
        """Return what one token costs; 0 where no tokens are sold."""
        return self.total_price // self.amount_tokens if self.amount_tokens else 0


PACKAGES = (
    Package("basic_100", 100, 10_000),
    Package("standard_500", 500, 45_000),
    Package("premium_1000", 1000, 80_000),
)
SETS_CREDITS = (
    Package("credits_100", 0, 1_300, Product.SETS_CREDITS, 100),
    Package("credits_500", 0, 5_500, Product.SETS_CREDITS, 500),
    Package("credits_1000", 0, 9_900, Product.SETS_CREDITS, 1000),
)
SETS_PLANS = (Package("pro_month", 0, 6_900, Product.SETS_PRO, 200),)


def find(package_id: str, among: Sequence[Package] = PACKAGES) -> Package:
    """Return an offered package. Raises InvalidPackage."""
    for each in among:
        if each.package_id == package_id:
            return each
    available = [each.package_id for each in among]
    raise InvalidPackage(package_id=package_id, available=available)


@dataclass(frozen=True, slots=True)
class TokenOffer:
    """A package of tokens; `discount_percent` (0 to 100) compares with the smallest package."""

    package_id: str
    amount_tokens: int
    total_price: int
    price_per_token: int
    discount_percent: int
    currency_code: str


def on_offer() -> list[TokenOffer]:
    """Return the packages of tokens on sale, cheapest first."""
    highest = max(each.total_price / each.amount_tokens for each in PACKAGES)
    return [
        TokenOffer(
            package_id=each.package_id,
            amount_tokens=each.amount_tokens,
            total_price=each.total_price,
            price_per_token=each.price_per_token,
            discount_percent=round(100 - 100 * each.total_price / each.amount_tokens / highest),
            currency_code=CURRENCY,
        )
        for each in sorted(PACKAGES, key=lambda each: each.total_price)
    ]


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """What one token costs: in the package where it is cheapest, and in the dearest."""

    cheapest: int
    dearest: int


def token_prices() -> TokenPrices:
    """Return what one token costs in the packages on sale."""
    prices = [each.price_per_token for each in PACKAGES]
    return TokenPrices(min(prices), max(prices))
