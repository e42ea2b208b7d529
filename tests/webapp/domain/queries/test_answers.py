from dataclasses import dataclass

import orjson
import pytest

from webapp.domain.queries.answers import StyleName, UserName, extended, user_name


@dataclass(frozen=True, slots=True)
class PricedStyle(StyleName):
    price_tokens: int


def test_an_extended_answer_has_the_fields_of_its_base_first():
    answer = extended(PricedStyle, StyleName(7, "Ink Harbor"), price_tokens=10)
    assert answer == PricedStyle(7, "Ink Harbor", 10)
    assert orjson.dumps(answer) == b'{"id":7,"name":"Ink Harbor","price_tokens":10}'


@pytest.mark.parametrize("more", [{}, {"price_tokens": 10, "discount": 5}])
def test_an_extended_answer_needs_exactly_the_fields_that_are_added(more):
    with pytest.raises(TypeError):
        extended(PricedStyle, StyleName(7, "Ink Harbor"), **more)


def test_an_outer_join_without_a_row_has_no_user():
    assert user_name(None, None) is None
    assert user_name(3, "mina") == UserName(3, "mina")
