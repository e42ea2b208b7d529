import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tests import making
from tests.database import at_once
from tests.toss import SECRET_KEY
from webapp.domain.db import unit_of_work
from webapp.domain.errors import AlreadyRefunded, NotFound, PaymentFailed
from webapp.domain.gateways.payments import PaymentsUnavailable, TossPayments
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.services import ledger, payments, purchase_refunds, purchases
from webapp.domain.services.purchase_refunds import refund_purchase

ROOT = Path(__file__).parents[4]
NOW = timedelta(0)
NOBODY = TossPayments(base_url="http://127.0.0.1:1", secret_key=SECRET_KEY)
# Refunds in a process of its own, which may be told to die at a place.
REFUND = """
import sys
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.payments import configured_payments
from webapp.domain.services.purchase_refunds import refund_purchase
from webapp.domain.settings import settings
import webapp.domain.models
refund_purchase(
    unit_of_work,
    configured_payments(settings()),
    admin_id=int(sys.argv[2]),
    order_id=sys.argv[1],
    reason="Asked for.",
)
"""


@pytest.fixture
def order(toss, committed):
    """A purchase of a hundred tokens that was paid."""
    with committed.begin() as session:
        buyer = making.user(session)
    return toss.buy(buyer)


def standing(order):
    """Its status and the buyer's tokens; the ledger is proved."""
    with unit_of_work() as session:
        assert making.violations(session) == []
        return (
            purchases.find(session, order.order_id).status,
            ledger.balances(session, order.user_id).spendable,
        )


def spend(order, tokens):
    with unit_of_work() as session:
        making.take_tokens(session, order.user_id, tokens)


def refund(provider, order):
    return refund_purchase(
        unit_of_work,
        provider,
        admin_id=order.user_id,
        order_id=order.order_id,
        reason="Asked for.",
    )


def refusal_of(provider, order):
    with pytest.raises(PaymentFailed) as refused:
        refund(provider, order)
    return refused.value.details


def test_a_refund_gives_the_money_and_takes_the_tokens_once(toss, order):
    done = refund(toss.provider, order)
    assert (done.order_id, done.purchase_id, done.amount) == (order.order_id, order.id, 100)
    assert standing(order) == ("refunded", 100)
    with unit_of_work() as session:
        row = session.get(Transfer, done.transaction_id)
        assert (row.kind, row.amount, row.purchase_id) == ("purchase_refund", 100, order.id)
    with pytest.raises(AlreadyRefunded) as again:
        refund(toss.provider, order)
    assert again.value.details == {"transaction_id": done.transaction_id}
    assert [status for _, status, _ in toss.taken()] == ["DONE", "CANCELED"]


def test_tokens_that_were_spent_are_not_paid_back(toss, order):
    spend(order, 101)
    details = refusal_of(toss.provider, order)
    assert details == {"order_id": order.order_id, "reason": "tokens_spent"}
    assert standing(order) == ("paid", 99)
    assert [status for _, status, _ in toss.taken()] == ["DONE"]


def test_only_what_was_paid_is_refunded(toss, order):
    with unit_of_work() as session:
        pending = purchases.order_tokens(session, user_id=order.user_id, package_id="basic_100")
    assert refusal_of(toss.provider, pending)["reason"] == "not_paid"
    with pytest.raises(NotFound):
        refund_purchase(
            unit_of_work, toss.provider, admin_id=1, order_id="P_unknown", reason="Asked."
        )


def test_in_parallel_too_a_refund_happens_once(toss, order):
    results = at_once(*[lambda: refund(toss.provider, order)] * 8)
    assert {type(result).__name__ for result in results} <= {"PurchaseRefund", "AlreadyRefunded"}
    assert standing(order) == ("refunded", 100)
    assert [status for _, status, _ in toss.taken()] == ["DONE", "CANCELED"]


def test_a_provider_that_refuses_leaves_everything_as_it_was(toss, order):
    [payment] = toss.shop.payments.values()
    payment.status = "PARTIAL_CANCELED"
    assert refusal_of(toss.provider, order)["reason"] == "NOT_CANCELABLE_PAYMENT"
    assert standing(order) == ("paid", 200)
    assert purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW) == 0
    payment.status = "DONE"
    refund(toss.provider, order)
    assert standing(order) == ("refunded", 100)


def test_a_refund_begun_while_the_provider_is_away_is_finished_by_the_sweep(toss, order):
    with pytest.raises(PaymentsUnavailable):
        refund(NOBODY, order)
    assert standing(order) == ("paid", 200)
    assert purchase_refunds.resume(unit_of_work, toss.provider) == 0
    with capture_logs() as logs:
        purchase_refunds.resume(unit_of_work, NOBODY, min_age=NOW)
    assert [line["event"] for line in logs] == ["refund not finished"]
    assert purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW) == 1
    assert standing(order) == ("refunded", 100)


@pytest.mark.parametrize("healer", ["again", "webhook", "sweep"])
def test_death_after_the_providers_yes_is_healed(toss, order, healer, tmp_path):
    die(toss, order, tmp_path)
    if healer == "again":
        refund(toss.provider, order)
    elif healer == "webhook":
        assert hear(toss, order) is True
    else:
        assert purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW) == 1
    assert standing(order) == ("refunded", 100)
    assert [status for _, status, _ in toss.taken()] == ["DONE", "CANCELED"]


def die(toss, order, folder):
    log = folder / "deaths"
    died = subprocess.run(
        [sys.executable, "-c", REFUND, order.order_id, str(order.user_id)],
        check=False,
        cwd=ROOT,
        env=os.environ
        | {
            "TOSS_BASE_URL": toss.url,
            "FAILPOINTS": "after_cancellation=1",
            "FAILPOINTS_LOG": str(log),
        },
        capture_output=True,
        text=True,
    )
    assert log.exists(), died.stderr
    assert toss.taken()[-1][1] == "CANCELED"
    assert standing(order) == ("paid", 200)


def hear(toss, order):
    [payment_key] = toss.shop.payments
    return payments.handle_webhook(
        unit_of_work, toss.provider, order_id=order.order_id, payment_key=payment_key
    )


def test_tokens_spent_while_the_money_went_back_page_and_are_taken_when_there_are_enough(
    toss, order, tmp_path
):
    die(toss, order, tmp_path)
    spend(order, 150)
    for finish in (
        lambda: hear(toss, order),
        lambda: purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW),
    ):
        with capture_logs() as logs:
            finish()
        errors = [line["event"] for line in logs if line["log_level"] == "error"]
        assert "money returned, tokens spent meanwhile" in errors
        assert standing(order) == ("paid", 50)
    with unit_of_work() as session:
        ledger.grant(session, order.user_id, 70, key="enough")
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    assert standing(order) == ("refunded", 20)


def test_money_returned_by_somebody_else_pages_and_takes_nothing(toss, order):
    [payment_key] = toss.shop.payments
    toss.provider.cancel(payment_key=payment_key, reason="by hand", idempotency_key="hand")
    with capture_logs() as logs:
        assert hear(toss, order) is False
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "payment canceled at the provider, not by us"
    ]
    assert standing(order) == ("paid", 200)


def told_of_refunds(order):
    with unit_of_work() as session:
        query = select(Notification.target_id, Notification.details).where(
            Notification.recipient_id == order.user_id,
            Notification.type == NotificationType.REFUND,
        )
        return [tuple(row) for row in session.execute(query)]


def test_the_buyer_is_told_once_when_the_money_is_returned(toss, order):
    assert told_of_refunds(order) == []
    refund(toss.provider, order)
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    assert told_of_refunds(order) == [(order.id, {"product": "tokens"})]
