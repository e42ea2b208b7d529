"""Credits and the plan pro through the provider: given once, taken back once, proved each time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests import making, sets_albums as albums
from tests.database import at_once
from webapp.domain import jobs
from webapp.domain.db import unit_of_work
from webapp.domain.errors import AlreadyRefunded, InvalidPackage, PaymentFailed
from webapp.domain.models.account import User
from webapp.domain.models.notification import Notification
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_account import SetsAccount, SetsCreditEntry, SetsPlan
from webapp.domain.services import (
    leaving,
    ledger,
    payments,
    purchase_refunds,
    purchases,
    reconciliation,
    sets_accounts,
    sets_purchases,
)

NOW = timedelta(0)
PRICES = {each.package_id: each.total_price for each in sets_purchases.offers()}


@pytest.fixture
def buyer(committed):
    with committed.begin() as session:
        return making.user(session)


def ordered(buyer, package_id):
    with unit_of_work() as session:
        person = session.get(User, buyer.id)
        return sets_purchases.order_any(session, user=person, package_id=package_id)


def confirm(toss, order, payment_key):
    payments.confirm(
        unit_of_work,
        toss.provider,
        user_id=order.user_id,
        order_id=order.order_id,
        payment_key=payment_key,
        amount=order.total_price,
    )


def bought(toss, buyer, package_id="credits_100"):
    order = ordered(buyer, package_id)
    confirm(toss, order, toss.approve(order.order_id, amount=order.total_price))
    return order


def refund(toss, order):
    return purchase_refunds.refund_purchase(
        unit_of_work,
        toss.provider,
        admin_id=order.user_id,
        order_id=order.order_id,
        reason="Asked for.",
    )


def account_of(buyer):
    """The account of a buyer as it stands; both ledgers are proved."""
    with unit_of_work() as session:
        assert making.violations(session) == []
        assert ledger.balances(session, buyer.id).spendable == 100
        return sets_accounts.find_of_user(session, buyer.id)


def status_of(order):
    with unit_of_work() as session:
        return purchases.find(session, order.order_id).status


@pytest.mark.parametrize("package_id, amount", [("credits_100", 100), ("credits_1000", 1000)])
def test_a_paid_order_gives_its_credits_and_no_tokens(toss, buyer, package_id, amount):
    order = bought(toss, buyer, package_id)
    account = account_of(buyer)
    assert account.credits == 10 + amount
    assert account.pro_until is None
    assert toss.taken() == [(order.order_id, "DONE", PRICES[package_id])]


def test_redirect_webhook_and_sweep_at_once_give_the_credits_once(toss, buyer):
    order = ordered(buyer, "credits_500")
    key = toss.approve(order.order_id, amount=order.total_price)

    def hear():
        return payments.handle_webhook(
            unit_of_work, toss.provider, order_id=order.order_id, payment_key=key
        )

    def sweep():
        return payments.resume(unit_of_work, toss.provider, min_age=NOW)

    results = at_once(*[lambda: confirm(toss, order, key), hear, sweep] * 3)
    assert [each for each in results if isinstance(each, Exception)] == []
    assert account_of(buyer).credits == 510


def test_a_month_of_pro_gives_credits_and_thirty_days_and_the_next_one_is_added(toss, buyer):
    bought(toss, buyer, "pro_month")
    account = account_of(buyer)
    now = datetime.now(UTC)
    assert account.credits == 210
    assert timedelta(days=30) - timedelta(minutes=5) < account.pro_until - now < timedelta(days=30)
    limits = sets_accounts.limits_of(account, now)
    assert (limits.plan, limits.max_active_jobs, limits.max_rules) == (SetsPlan.PRO, 3, 20)
    assert (limits.max_photos, limits.has_watermark) == (200, False)
    bought(toss, buyer, "pro_month")
    again = account_of(buyer)
    assert (again.credits, again.pro_until - account.pro_until) == (410, timedelta(days=30))
    ended = sets_accounts.limits_of(again, again.pro_until)
    assert (ended.plan, ended.max_photos, ended.has_watermark) == (SetsPlan.FREE, 10, True)


def test_a_month_of_pro_after_the_last_one_ended_begins_at_once(toss, buyer):
    bought(toss, buyer, "pro_month")
    with unit_of_work() as session:
        long_ago = jobs.NOW - timedelta(days=90)
        session.execute(update(SetsAccount).values(pro_until=long_ago))
    bought(toss, buyer, "pro_month")
    left = account_of(buyer).pro_until - datetime.now(UTC)
    assert left > timedelta(days=29, hours=23)


def test_the_buyer_is_told_once_of_what_was_bought(toss, buyer):
    bought(toss, buyer, "pro_month")
    with unit_of_work() as session:
        (told,) = session.scalars(select(Notification))
    assert (told.type, told.details) == ("payment_complete", {"product": "sets_pro"})


def test_a_refund_takes_the_credits_and_the_days_back_once(toss, buyer):
    order = bought(toss, buyer, "pro_month")
    done = refund(toss, order)
    assert (done.amount, done.unit) == (200, "credit")
    account = account_of(buyer)
    assert account.credits == 10
    assert sets_accounts.limits_of(account, datetime.now(UTC)).plan is SetsPlan.FREE
    with pytest.raises(AlreadyRefunded) as refused:
        refund(toss, order)
    assert refused.value.details == {"transaction_id": done.transaction_id}
    with unit_of_work() as session:
        assert session.get(SetsCreditEntry, done.transaction_id).amount == -200


def test_spent_credits_are_not_refunded(toss, buyer):
    order = bought(toss, buyer)
    with unit_of_work() as session:
        account = sets_accounts.find_of_user(session, buyer.id)
        albums.album(session, of=account, photos=11)
    with pytest.raises(PaymentFailed) as refused:
        refund(toss, order)
    assert refused.value.details["reason"] == "credits_spent"
    assert status_of(order) == "paid"
    assert account_of(buyer).credits == 99
    assert [line[1] for line in toss.taken()] == ["DONE"]


def test_credits_spent_while_the_provider_returns_the_money_are_taken_later(toss, buyer):
    order = bought(toss, buyer)
    with unit_of_work() as session:
        found = purchases.find(session, order.order_id)
        purchase_refunds.begin(session, found)
        account = sets_accounts.find_of_user(session, buyer.id)
        job = albums.album(session, of=account, photos=11, status="running", photo_status="running")
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    assert status_of(order) == "paid"
    with unit_of_work() as session:
        for photo in albums.photos_of(session, job):
            albums.sets_credits.return_credit(session, albums.edits_of(session, photo)[0].id)
        albums.put_all(session, job, "failed")
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    assert status_of(order) == "refunded"
    assert account_of(buyer).credits == 10


def test_refunds_at_once_take_the_credits_once(toss, buyer):
    order = bought(toss, buyer, "credits_500")
    bought(toss, buyer, "credits_500")
    results = at_once(*[lambda: refund(toss, order)] * 4)
    assert {type(each) for each in results} <= {purchase_refunds.PurchaseRefund, AlreadyRefunded}
    assert account_of(buyer).credits == 510


def test_who_left_meanwhile_gets_the_money_back(toss, buyer):
    order = ordered(buyer, "credits_100")
    key = toss.approve(order.order_id, amount=order.total_price)
    asked = {"status": "authorized", "payment_key": key, "confirm_key": "c" * 36}
    with unit_of_work() as session:
        session.execute(update(Purchase).values(**asked))
        leaving.deactivate(session, buyer.id)
    payments.resume(unit_of_work, toss.provider, min_age=NOW)
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    assert status_of(order) == "refunded"
    assert account_of(buyer).credits == 10


def test_the_books_of_both_sides_agree(toss, buyer):
    bought(toss, buyer)
    refund(toss, bought(toss, buyer, "credits_500"))
    now = datetime.now(UTC)
    day = timedelta(days=1)
    found = reconciliation.compare(unit_of_work, toss.provider, since=now - day, until=now + day)
    assert found == []


def test_tokens_are_no_credits_and_credits_no_tokens(session):
    person = making.user(session)
    with pytest.raises(InvalidPackage):
        sets_purchases.order_credits(session, user=person, package_id="basic_100")
    with pytest.raises(InvalidPackage):
        sets_purchases.order_credits(session, user=person, package_id="pro_month")
    with pytest.raises(InvalidPackage):
        sets_purchases.order_plan(session, user=person, package_id="credits_100")
    with pytest.raises(InvalidPackage):
        purchases.order_tokens(session, user_id=person.id, package_id="credits_100")
    assert session.scalar(select(func.count()).select_from(Purchase)) == 0
