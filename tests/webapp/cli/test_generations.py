"""`flask generation create`: what it says before it waits for the pictures."""

import pytest
from sqlalchemy import select, update

from tests import making
from webapp.app import create_app
from webapp.cli import generations as commands
from webapp.domain.models.generation import Generation, Order
from webapp.domain.models.style import Style
from webapp.domain.prices import Prices


@pytest.fixture
def market(committed, storage, monkeypatch):
    """A buyer and a style; nobody renders here, so nobody waits."""
    monkeypatch.setattr(commands, "watch", lambda _look: [])
    with committed.begin() as session:
        return making.user(session), making.style(session)


def create(market, *options):
    buyer, style = market
    arguments = ["generation", "create", str(style.id), "--buyer", buyer.email, *options]
    return create_app().test_cli_runner().invoke(args=arguments)


def images(committed):
    with committed() as session:
        return session.query(Generation).count()


def test_unknown_words_are_named(market, committed):
    answer = create(market, "--tags", "boat, dragon")
    assert answer.exit_code == 0, answer.output
    assert "may not be recognised: dragon" in answer.output
    assert images(committed) == 1
    assert "recognised" not in create(market, "--tags", "boat").output


def test_an_order_of_unknown_words_is_refused_by_its_code(market, committed):
    answer = create(market, "--tags", "dragon")
    assert (answer.exit_code, images(committed)) == (1, 0)
    assert "UNKNOWN_TAGS" in answer.output


def test_the_same_picture_is_bought_again_only_when_asked_for(market, committed):
    same = ("--tags", "boat", "--seed", "7")
    assert create(market, *same).exit_code == 0
    answer = create(market, *same)
    assert (answer.exit_code, images(committed)) == (1, 1)
    assert "DUPLICATE_PICTURE" in answer.output
    assert create(market, *same, "--again").exit_code == 0
    assert images(committed) == 2


def test_a_picture_is_ordered_with_the_chosen_licence(market, committed):
    _, style = market
    with committed.begin() as session:
        offer = Prices(10, 25).columns()
        session.execute(update(Style).where(Style.id == style.id).values(**offer))
    assert create(market, "--tags", "boat", "--license", "commercial").exit_code == 0
    assert create(market, "--tags", "sea").exit_code == 0
    with committed() as session:
        orders = select(Order.license_type, Order.total_price_tokens).order_by(Order.created_at)
        found = [tuple(row) for row in session.execute(orders)]
    assert found == [("commercial", 25), ("personal", 10)]


def test_a_licence_that_is_not_sold_is_refused_by_its_code(market, committed):
    answer = create(market, "--tags", "boat", "--license", "personal")
    assert (answer.exit_code, images(committed)) == (1, 0)
    assert "LICENSE_NOT_SOLD" in answer.output
