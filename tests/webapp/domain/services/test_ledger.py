import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, InternalError

from tests import making
from tests.database import at_once
from webapp.domain.errors import InsufficientTokens
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Account, Transfer, TransferKind
from webapp.domain.services import ledger


def transfers(session, **wanted):
    return session.scalars(select(Transfer).filter_by(**wanted).order_by(Transfer.id)).all()


def spendable(session, user_id):
    return ledger.balances(session, user_id).spendable


def test_a_new_person_has_a_hundred_tokens(session):
    person = making.user(session)

    assert ledger.balances(session, person.id) == ledger.Balances(100, 0, 0)
    [bonus] = transfers(session)
    assert (bonus.kind, bonus.amount, bonus.credit_balance_after) == ("bonus", 100, 100)


def test_the_bonus_comes_once_however_often_a_person_is_welcomed(session):
    person = making.user(session)
    ledger.welcome(session, person)
    ledger.welcome(session, person)

    assert spendable(session, person.id) == 100
    assert len(transfers(session, kind=TransferKind.BONUS)) == 1


def test_an_account_deleted_and_made_again_gets_no_second_bonus(session):
    first = making.user(session)
    identity, first.google_sub = first.google_sub, "deleted"
    session.flush()
    again = User(google_sub=identity, email="again@example.org", username="again")
    session.add(again)
    session.flush()
    ledger.welcome(session, again)

    assert spendable(session, again.id) == 0


def test_the_bonus_keeps_no_identity_in_the_ledger(session):
    person = making.user(session)
    [bonus] = transfers(session)
    assert person.google_sub not in bonus.idempotency_key


def test_parallel_welcomes_give_one_bonus(committed):
    with committed.begin() as session:
        person = User(google_sub="twice", email="a@example.org", username="twice")
        session.add(person)

    def welcome():
        with committed.begin() as mine:
            ledger.welcome(mine, mine.get(User, person.id))

    at_once(*[welcome] * 8)

    with committed() as session:
        assert spendable(session, person.id) == 100
        assert making.violations(session) == []


def test_a_grant_of_the_same_key_gives_once(session):
    person = making.user(session)
    ledger.grant(session, person.id, 50, "letter-7")
    with pytest.raises(IntegrityError), session.begin_nested():
        ledger.grant(session, person.id, 50, "letter-7")

    assert spendable(session, person.id) == 150


def test_a_hold_moves_the_price_into_escrow(session):
    image = making.generation(session)

    assert ledger.balances(session, image.user_id) == ledger.Balances(90, 10, 0)
    [hold] = transfers(session, kind=TransferKind.HOLD)
    assert (hold.amount, hold.generation_id, hold.debit_balance_after) == (10, image.id, 90)
    assert hold.credit_balance_after is None  # the escrow account is no hot row


def test_a_hold_beyond_the_balance_says_what_is_missing(session):
    image = making.generation(session)
    making.take_tokens(session, image.user_id, 85)
    twin = Generation(id=image.id + 1, user_id=image.user_id, price_tokens=6)

    with pytest.raises(InsufficientTokens) as refused:
        ledger.hold(session, twin)

    assert refused.value.details == {"required": 6, "available": 5}
    assert spendable(session, image.user_id) == 5


def test_an_image_is_held_once(session):
    image = making.generation(session)
    with pytest.raises(IntegrityError), session.begin_nested():
        ledger.hold(session, image)
    assert spendable(session, image.user_id) == 90


def test_the_artist_earns_the_whole_price(session):
    image = making.generation(session)
    artist_id = session.scalar(select(making.Style.artist_id))
    ledger.release(session, image)

    assert ledger.balances(session, artist_id).earned == 10
    assert spendable(session, artist_id) == 100


@pytest.mark.parametrize("first", [ledger.release, ledger.refund])
@pytest.mark.parametrize("second", [ledger.release, ledger.refund])
def test_a_second_outcome_of_an_image_is_impossible(session, first, second):
    image = making.generation(session)
    first(session, image)
    before = [row.balance for row in session.scalars(select(Account).order_by(Account.id))]

    with pytest.raises(IntegrityError), session.begin_nested():
        second(session, image)

    session.expire_all()
    after = [row.balance for row in session.scalars(select(Account).order_by(Account.id))]
    assert after == before


def test_parallel_outcomes_of_one_image_end_in_one(committed):
    with committed.begin() as session:
        image_id = making.generation(session).id

    def settle(outcome):
        def run():
            with committed.begin() as mine:
                outcome(mine, mine.get(Generation, image_id))

        return run

    results = at_once(*[settle(ledger.release), settle(ledger.refund)] * 6)

    assert results.count(None) == 1
    assert all(isinstance(result, IntegrityError) for result in results if result is not None)
    with committed() as session:
        assert making.violations(session, only="I2") == []


def test_twenty_parallel_orders_with_money_for_ten_are_exactly_ten(committed):
    with committed.begin() as session:
        buyer, style = making.user(session, tokens=100), making.style(session)

    def order():
        with committed.begin() as mine:
            making.order(mine, mine.get(User, buyer.id), style)

    results = at_once(*[order] * 20)

    assert results.count(None) == 10
    refused = [result for result in results if result is not None]
    assert {type(result) for result in refused} == {InsufficientTokens}
    with committed() as session:
        assert ledger.balances(session, buyer.id) == ledger.Balances(0, 100, 0)
        assert session.scalar(select(func.count()).select_from(Generation)) == 10
        assert making.violations(session) == []


def test_an_order_larger_than_the_balance_takes_nothing(committed):
    with committed.begin() as session:
        buyer, style = making.user(session, tokens=25), making.style(session)
    with pytest.raises(InsufficientTokens) as refused, committed.begin() as session:
        making.order(session, session.get(User, buyer.id), style, count=3)

    assert refused.value.details == {"required": 30, "available": 25}
    with committed() as session:
        assert ledger.balances(session, buyer.id) == ledger.Balances(25, 0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfers SET amount = amount + 1",
        "DELETE FROM transfers",
        "TRUNCATE transfers CASCADE",
        "UPDATE transfers SET amount = 1 WHERE false",
    ],
)
def test_a_transfer_is_never_changed_or_deleted(session, statement):
    making.user(session)
    with pytest.raises((InternalError, IntegrityError), match="append-only"):
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET balance = -1 WHERE owner_id IS NOT NULL",
        "UPDATE accounts SET balance = 0 WHERE owner_id IS NULL",
        (
            "INSERT INTO transfers (debit_account_id, credit_account_id, amount, kind,"
            " idempotency_key) SELECT id, id, 5, 'grant', 'self' FROM accounts LIMIT 1"
        ),
        (
            "INSERT INTO transfers (debit_account_id, credit_account_id, amount, kind,"
            " idempotency_key) SELECT min(id), max(id), 0, 'grant', 'zero' FROM accounts"
        ),
        (
            "INSERT INTO transfers (debit_account_id, credit_account_id, amount, kind,"
            " idempotency_key) SELECT min(id), max(id), 5, 'hold', 'nameless' FROM accounts"
        ),
    ],
)
def test_the_database_itself_refuses_impossible_money(session, statement):
    making.user(session)
    with pytest.raises(IntegrityError):
        session.execute(text(statement))


def test_system_accounts_exist_once_even_when_opened_in_parallel(committed):
    def open_account():
        with committed.begin() as mine:
            return ledger.account_of(mine, None, "escrow").id

    assert len(set(at_once(*[open_account] * 8))) == 1
