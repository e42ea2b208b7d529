"""Earned tokens are spent once, and a refund of a picture never depends on what is left of them."""

import pytest
from sqlalchemy import text

from tests import making
from tests.database import at_once
from webapp.domain.errors import AccountInactive, InsufficientTokens
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Transfer, TransferKind
from webapp.domain.services import earnings, ledger
from webapp.domain.services.earnings import ReversalShares
from webapp.domain.services.ledger import Balances
from webapp.domain.services.ledger_invariants import OF_TOKENS, of_sums


def sold(session, storage, style, *, price=10):
    """A delivered picture, its price earned by the artist of the style."""
    [made] = making.order(session, making.user(session, tokens=1000), style)
    making.finish(session, storage, made)
    assert made.price_tokens == price
    return made


def broken(session):
    """What is wrong with the tokens; pictures of these tests have no jobs and notifications."""
    session.flush()
    queries = of_sums(0) | {
        each.name: each.over("true")
        for each in OF_TOKENS
        if not each.name.startswith(("I7", "I10"))
    }
    return [row for query in queries.values() for row in session.scalars(text(query))]


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


def test_earned_tokens_become_spendable(session, storage, style):
    sold(session, storage, style)
    earnings.convert(session, style.artist_id, 7)

    assert ledger.balances(session, style.artist_id) == Balances(107, 0, 3)
    assert broken(session) == []


def test_more_than_was_earned_is_refused_and_nothing_moves(session, storage, style):
    sold(session, storage, style)
    with pytest.raises(InsufficientTokens) as refused:
        earnings.convert(session, style.artist_id, 11)

    assert refused.value.details == {"required": 11, "available": 10}
    assert ledger.balances(session, style.artist_id) == Balances(100, 0, 10)


def test_who_earns_nothing_converts_nothing(session):
    with pytest.raises(InsufficientTokens):
        earnings.convert(session, making.user(session).id, 1)


def test_a_closed_account_converts_nothing(session, storage, style):
    sold(session, storage, style)
    session.get(User, style.artist_id).is_active = False
    session.flush()
    with pytest.raises(AccountInactive):
        earnings.convert(session, style.artist_id, 1)


@pytest.mark.parametrize(
    "price, earned, spendable, shares",
    [
        (10, 25, 0, (10, 0, 0)),
        (10, 10, 100, (10, 0, 0)),
        (10, 4, 100, (4, 6, 0)),
        (10, 4, 5, (4, 5, 1)),
        (10, 0, 0, (0, 0, 10)),
    ],
)
def test_a_reversal_is_paid_by_earned_then_spendable_tokens_then_the_platform(
    price, earned, spendable, shares
):
    found = earnings.reversal_shares(price, earned=earned, spendable=spendable)
    assert found == ReversalShares(*shares)
    assert sum(shares) == price


def test_a_refund_takes_back_what_was_made_available(session, storage, style):
    picture = sold(session, storage, style)
    earnings.convert(session, style.artist_id, 8)
    earnings.reverse(session, picture)

    assert ledger.balances(session, style.artist_id) == Balances(100, 0, 0)
    assert ledger.balances(session, picture.user_id).spendable == 1000
    assert broken(session) == []


def test_the_platform_pays_a_refund_that_the_artist_can_no_longer_pay(session, storage, style):
    picture = sold(session, storage, style)
    earnings.convert(session, style.artist_id, 10)
    other = making.style(session, storage, price_tokens=105)
    making.order(session, session.get(User, style.artist_id), other)
    earnings.reverse(session, picture)

    assert ledger.balances(session, style.artist_id) == Balances(0, 105, 0)
    assert ledger.balances(session, picture.user_id).spendable == 1000
    kinds = {each.kind: each.amount for each in session.query(Transfer).filter(Transfer.kind != "")}
    assert (kinds[TransferKind.CONVERSION_BACK], kinds[TransferKind.COVER]) == (5, 5)
    assert broken(session) == []


def test_an_artist_who_bought_from_themselves_is_refunded_too(session, storage, style):
    [picture] = making.order(session, session.get(User, style.artist_id), style)
    making.finish(session, storage, picture)
    earnings.convert(session, style.artist_id, 10)
    earnings.reverse(session, picture)

    assert ledger.balances(session, style.artist_id) == Balances(100, 0, 0)
    assert broken(session) == []


def test_twenty_parallel_conversions_of_what_suffices_for_ten_are_exactly_ten(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
        artist_id = style.artist_id
        for _ in range(10):
            sold(session, storage, style)

    def convert():
        with committed.begin() as session:
            try:
                earnings.convert(session, artist_id, 10)
            except InsufficientTokens:
                return False
            return True

    assert sum(at_once(*[convert] * 20)) == 10
    with committed.begin() as session:
        assert ledger.balances(session, artist_id) == Balances(200, 0, 0)
        assert broken(session) == []


def test_refunds_and_conversions_of_two_artists_who_buy_from_each_other_all_end(committed, storage):
    """Locked in another order, they would wait for each other."""
    with committed.begin() as session:
        styles = [making.style(session, storage) for _ in range(2)]
        people = [each.artist_id for each in styles]
        pictures = []
        for style, buyer_id in zip(styles, reversed(people), strict=True):
            for _ in range(5):
                [made] = making.order(session, session.get(User, buyer_id), style)
                making.finish(session, storage, made)
                pictures.append(made.id)
        for person in people:
            earnings.convert(session, person, 45)

    def reverse(picture_id):
        with committed.begin() as session:
            earnings.reverse(session, session.get(Generation, picture_id))

    def convert(person):
        with committed.begin() as session:
            earnings.convert(session, person, 1)

    def attempt(run, *arguments):
        try:
            run(*arguments)
        except InsufficientTokens:
            return "refused"
        return "done"

    acts = [(reverse, each) for each in pictures] + [(convert, each) for each in people * 3]
    ended = at_once(*[lambda act=act: attempt(*act) for act in acts])
    assert ended[: len(pictures)] == ["done"] * len(pictures)
    with committed.begin() as session:
        assert broken(session) == []
        totals = [ledger.balances(session, each) for each in people]
        assert [each.spendable + each.earned for each in totals] == [100, 100]
