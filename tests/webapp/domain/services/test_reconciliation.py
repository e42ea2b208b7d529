from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests import making
from webapp.domain.db import unit_of_work
from webapp.domain.models.payment import Purchase
from webapp.domain.services import heartbeats, purchases, reconciliation
from webapp.domain.services.purchase_refunds import refund_purchase

HOUR = timedelta(hours=1)


@pytest.fixture
def buyer(committed):
    with committed.begin() as session:
        return making.user(session, tokens=1000)


@pytest.fixture
def buy(toss, buyer):
    """Buy a hundred tokens; return the order."""
    return lambda: toss.buy(buyer)


def found(toss, *, since=HOUR, until=-HOUR):
    now = datetime.now(UTC)
    return [
        (each.order_id, each.finding)
        for each in reconciliation.compare(
            unit_of_work, toss.provider, since=now - since, until=now - until
        )
    ]


def change(order, **columns):
    with unit_of_work() as session:
        session.execute(update(Purchase).where(Purchase.id == order.id).values(**columns))


def test_honest_books_agree(toss, buy):
    buy()
    bought = buy()
    refund_purchase(
        unit_of_work,
        toss.provider,
        admin_id=bought.user_id,
        order_id=bought.order_id,
        reason="Asked for.",
    )
    toss.choose("cancel", "P_never")
    toss.approve("P_never")
    assert found(toss) == []


def test_a_payment_we_never_heard_of_is_found(toss):
    payment_key = toss.approve("P_elsewhere")
    toss.provider.confirm(
        payment_key=payment_key, order_id="P_elsewhere", amount=10_000, idempotency_key="one"
    )
    assert found(toss) == [
        ("P_elsewhere", "the provider charged 10000, we have no such payment"),
    ]


@pytest.mark.parametrize("status", ["authorized", "failed", "expired"])
def test_money_taken_that_we_did_not_credit_is_found(toss, buy, status):
    order = buy()
    change(order, status=status, approved_at=None)
    assert found(toss) == [
        (order.order_id, f"the provider charged 10000, the purchase is {status}")
    ]
    with unit_of_work() as session:
        assert purchases.find(session, order.order_id).status == status, "never healed silently"


def test_tokens_given_for_no_money_are_found(toss, buy):
    order = buy()
    toss.shop.transactions.clear()
    assert found(toss) == [(order.order_id, "the purchase is paid, the provider charged nothing")]


def test_another_amount_is_found(toss, buy):
    order = buy()
    toss.shop.transactions[0]["amount"] = 9_000
    assert found(toss) == [
        (order.order_id, f"the provider charged 9000 for the order {order.order_id}")
    ]


def test_money_returned_that_we_do_not_know_of_is_found(toss, buy):
    order = buy()
    [payment_key] = toss.shop.payments
    toss.provider.cancel(payment_key=payment_key, reason="by hand", idempotency_key="one")
    assert found(toss) == [
        (order.order_id, "the provider refunded the payment, the purchase is paid")
    ]


def test_a_refund_the_provider_does_not_know_of_is_found(toss, buy):
    order = buy()
    change(order, status="refunded", refunded_at=datetime.now(UTC))
    assert found(toss) == [
        (order.order_id, "the purchase is refunded, the provider refunded nothing")
    ]


def test_what_is_younger_than_the_time_compared_is_left_alone(toss, buy):
    order = buy()
    change(order, status="authorized", approved_at=None)
    assert found(toss, until=HOUR / 2) == []
    other = buy()
    toss.shop.transactions.clear()
    assert other.order_id
    assert found(toss, until=HOUR / 2) == []


def test_what_was_found_is_kept_until_the_next_comparison(toss, buy):
    order = buy()
    toss.shop.transactions[0]["amount"] = 9_000
    now = datetime.now(UTC)
    differences = reconciliation.compare(
        unit_of_work, toss.provider, since=now - HOUR, until=now + HOUR
    )
    assert [each.kind for each in differences] == ["other_amount"]
    with unit_of_work() as session:
        assert reconciliation.last_comparison(session) is None
        reconciliation.save_differences(session, differences)
        last = reconciliation.last_comparison(session)
        assert last.differences == [(order.order_id, "other_amount", 9_000)]
        assert last.at >= now
        heartbeats.beat(session, "reconcile_payments")
        assert reconciliation.last_comparison(session).differences == last.differences, (
            "its success says no more"
        )
        reconciliation.save_differences(session, [])
        assert reconciliation.last_comparison(session).differences == []


@pytest.mark.parametrize(
    "columns, kind",
    [
        ({"status": "failed", "approved_at": None}, "not_credited"),
        ({"payment_key": "elsewhere"}, "not_taken"),
    ],
)
def test_every_difference_has_its_kind(toss, buy, columns, kind):
    order = buy()
    change(order, **columns)
    now = datetime.now(UTC)
    found = reconciliation.compare(unit_of_work, toss.provider, since=now - HOUR, until=now + HOUR)
    assert (order.order_id, kind) in {(each.order_id, each.kind) for each in found}
