"""The buyer of `make demo` can pay for what is ordered there."""

from webapp.domain.models.generation import AspectRatio
from webapp.domain.prices import price_for_size
from webapp.domain.services.ledger import WELCOME_TOKENS
from webapp.embedded.demo import ORDERS, PRICE


def test_the_welcome_tokens_pay_for_one_picture_of_each_size():
    ratios = [AspectRatio(ratio) for ratio, _, _ in ORDERS]
    assert {*ratios} == {*AspectRatio}
    assert sum(price_for_size(PRICE, each) for each in ratios) <= WELCOME_TOKENS
