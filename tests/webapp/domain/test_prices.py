"""The prices of a style, in its row and as they are sold."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests import making
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.prices import MAX_PRICE_TOKENS, MIN_PRICE_TOKENS, Prices, price_for_size

PERSONAL, COMMERCIAL = LicenseType.PERSONAL, LicenseType.COMMERCIAL


@pytest.mark.parametrize(
    "prices, default, sold",
    [
        (Prices(personal=10), PERSONAL, [PERSONAL]),
        (Prices(commercial=25), COMMERCIAL, [COMMERCIAL]),
        (Prices(10, 25), PERSONAL, [PERSONAL, COMMERCIAL]),
        (Prices(10, 10), PERSONAL, [PERSONAL, COMMERCIAL]),
    ],
)
def test_a_row_keeps_what_is_sold_and_its_default_licence(session, prices, default, sold):
    style = making.style(session, **prices.columns())
    session.refresh(style)
    assert Prices.of_style(style) == prices
    assert (style.license_type, style.price_tokens) == (default, prices.of(default))
    assert (prices.default, prices.sold) == (default, sold)


def test_only_the_commercial_licence_may_not_be_the_cheaper_one():
    assert Prices(10, 9).is_commercial_cheaper
    assert not Prices(10, 10).is_commercial_cheaper
    assert not Prices(commercial=1).is_commercial_cheaper
    assert Prices(10, 25).changed(COMMERCIAL, 9) == Prices(10, 9)


@pytest.mark.parametrize(
    "columns",
    [
        "commercial_price_tokens = 9",
        "commercial_price_tokens = 10001",
        "price_tokens = 26",
        "price_tokens = 0",
        "license_type = 'commercial'",
        "license_type = 'exclusive'",
    ],
)
def test_the_database_refuses_prices_that_mean_nothing(session, columns):
    style = making.style(session, **Prices(10, 25).columns())
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(f"UPDATE styles SET {columns} WHERE id = {style.id}"))
    session.expire_all()
    assert Prices.of_style(session.get(Style, style.id)) == Prices(10, 25)


@pytest.mark.parametrize(
    "ratio, factor",
    [(AspectRatio.SQUARE, 1), (AspectRatio.PORTRAIT, 2), (AspectRatio.LARGE_SQUARE, 4)],
)
def test_a_picture_costs_as_many_times_more_as_it_has_more_pixels(ratio, factor):
    width, height = ratio.size
    assert width * height == factor * 512 * 512
    assert ratio.price_factor == factor
    assert price_for_size(12, ratio) == 12 * factor
    assert Prices(12, 30).for_size(ratio) == Prices(12 * factor, 30 * factor)
    assert Prices(commercial=30).for_size(ratio) == Prices(commercial=30 * factor)


@pytest.mark.parametrize("price", range(MIN_PRICE_TOKENS, MAX_PRICE_TOKENS + 1, 499))
@pytest.mark.parametrize("ratio", AspectRatio)
def test_no_size_costs_more_than_the_highest_price_or_less_than_the_style(ratio, price):
    assert price <= price_for_size(price, ratio) <= MAX_PRICE_TOKENS
    assert not Prices(price, price).for_size(ratio).is_commercial_cheaper
