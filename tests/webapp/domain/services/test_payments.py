import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs

from tests import making
from tests.database import at_once
from tests.toss import SECRET_KEY, toss_server
from webapp.domain.db import unit_of_work
from webapp.domain.errors import NotFound, PaymentFailed, PurchaseExpired
from webapp.domain.gateways.payments import PaymentsUnavailable, TossPayments
from webapp.domain.models.account import User
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.notification import Notification
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.services import leaving, ledger, payments, purchase_refunds, purchases

ROOT = Path(__file__).parents[4]
NOW = timedelta(0)
NOBODY = TossPayments(base_url="http://127.0.0.1:1", secret_key=SECRET_KEY)
# Confirms in a process of its own, which may be told to die at a place.
CONFIRM = """
import sys
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.payments import configured_payments
from webapp.domain.services import payments
from webapp.domain.settings import settings
import webapp.domain.models
user_id, order_id, payment_key = sys.argv[1:]
payments.confirm(unit_of_work, configured_payments(settings()), user_id=int(user_id),
                 order_id=order_id, payment_key=payment_key, amount=10_000)
"""


@pytest.fixture
def buyer(committed):
    with committed.begin() as session:
        return making.user(session)


@pytest.fixture
def order(buyer):
    return ordered(buyer)


def ordered(buyer):
    with unit_of_work() as session:
        return purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")


def confirm(provider, order, payment_key, **changes):
    payments.confirm(
        unit_of_work,
        provider,
        **{
            "user_id": order.user_id,
            "order_id": order.order_id,
            "payment_key": payment_key,
            "amount": 10_000,
        }
        | changes,
    )


def hear(provider, order, payment_key):
    return payments.handle_webhook(
        unit_of_work, provider, order_id=order.order_id, payment_key=payment_key
    )


def now(order):
    with unit_of_work() as session:
        return purchases.find(session, order.order_id)


def standing(order):
    """Its status, the buyer's tokens, purchase rows and notifications; the ledger is proved."""
    with unit_of_work() as session:
        found = (
            purchases.find(session, order.order_id).status,
            ledger.balances(session, order.user_id).spendable,
            session.scalar(select(func.count()).where(Transfer.purchase_id == order.id)),
            session.scalar(select(func.count()).select_from(Notification)),
        )
        assert making.violations(session) == []
    return found


PENDING, PAID = ("pending", 100, 0, 0), ("paid", 200, 1, 1)


def change(order, **columns):
    with unit_of_work() as session:
        session.execute(update(Purchase).where(Purchase.id == order.id).values(**columns))


def test_a_confirmed_payment_gives_its_tokens_once_however_often(toss, order):
    payment_key = toss.approve(order.order_id)
    for _ in range(3):
        confirm(toss.provider, order, payment_key)
        assert hear(toss.provider, order, payment_key) is False
        assert standing(order) == PAID
    assert toss.taken() == [(order.order_id, "DONE", 10_000)]
    found = now(order)
    assert (found.payment_key, found.failure) == (payment_key, None)
    assert found.receipt_url == f"{toss.url}/receipt/{payment_key}"


def test_a_webhook_before_the_redirect_pays_too(toss, order):
    payment_key = toss.approve(order.order_id, "vanish")
    assert hear(toss.provider, order, payment_key) is True
    assert standing(order) == PAID
    confirm(toss.provider, order, payment_key)
    assert standing(order) == PAID


def test_in_parallel_too_the_tokens_are_given_once(toss, order):
    payment_key = toss.approve(order.order_id)

    def redirected():
        confirm(toss.provider, order, payment_key)

    def told():
        hear(toss.provider, order, payment_key)

    results = at_once(*[redirected, told] * 8)
    assert [result for result in results if result is not None] == []
    assert standing(order) == PAID
    assert len(toss.taken()) == 1


@pytest.mark.parametrize("amount", [0, 1, 9_999, 10_001])
def test_another_amount_is_refused_before_the_provider_is_asked(order, amount):
    with pytest.raises(PaymentFailed) as refused:
        confirm(NOBODY, order, "key", amount=amount)
    assert refused.value.details == {"order_id": order.order_id, "reason": "PAYMENT_MISMATCH"}
    assert standing(order) == PENDING


def test_less_approved_than_the_price_is_not_taken(toss, order):
    payment_key = toss.approve(order.order_id, amount=100)
    assert refusal_of(toss.provider, order, payment_key) == "FORBIDDEN_REQUEST"
    assert standing(order) == ("failed", 100, 0, 0)
    assert toss.taken() == []


def refusal_of(provider, order, payment_key):
    with pytest.raises(PaymentFailed) as refused:
        confirm(provider, order, payment_key)
    assert refused.value.details["order_id"] == order.order_id
    return refused.value.details["reason"]


def test_a_payment_of_another_order_is_not_taken_and_still_pays_its_own(toss, order, buyer):
    other = ordered(buyer)
    payment_key = toss.approve(other.order_id)
    with pytest.raises(PaymentFailed):
        hear(toss.provider, order, payment_key)
    assert standing(order) == PENDING
    assert refusal_of(toss.provider, order, payment_key) == "FORBIDDEN_REQUEST"
    assert standing(order) == ("failed", 100, 0, 0)
    confirm(toss.provider, other, payment_key)
    assert standing(other) == PAID


def test_a_payment_pays_one_order_only(toss, order, buyer):
    payment_key = toss.approve(order.order_id)
    confirm(toss.provider, order, payment_key)
    second = ordered(buyer)
    assert refusal_of(toss.provider, second, payment_key) == "PAYMENT_MISMATCH"
    assert now(second).status == PurchaseStatus.PENDING
    assert refusal_of(toss.provider, order, toss.approve(order.order_id)) == "PAYMENT_MISMATCH"
    assert standing(order) == PAID


def test_somebody_elses_order_is_not_found(toss, order, committed):
    with committed.begin() as session:
        stranger = making.user(session)
    payment_key = toss.approve(order.order_id)
    with pytest.raises(NotFound):
        confirm(toss.provider, order, payment_key, user_id=stranger.id)
    for unknown in ("P_unknown", "", "\0", "x" * 41):
        with pytest.raises(NotFound):
            confirm(toss.provider, order, payment_key, order_id=unknown)
    assert standing(order) == PENDING


def test_a_refused_card_ends_the_order(toss, order):
    payment_key = toss.approve(order.order_id, "refuse")
    for _ in range(2):
        assert refusal_of(toss.provider, order, payment_key) == "REJECT_CARD_PAYMENT"
    assert standing(order) == ("failed", 100, 0, 0)
    assert now(order).failure["message"]


def test_an_unknown_payment_ends_the_order(toss, order):
    assert refusal_of(toss.provider, order, "forged") == "NOT_FOUND_PAYMENT"
    assert standing(order) == ("failed", 100, 0, 0)


def test_an_approval_that_is_too_old_expires_the_order(toss, order):
    payment_key = toss.approve(order.order_id, "expire")
    with pytest.raises(PurchaseExpired) as refused:
        confirm(toss.provider, order, payment_key)
    assert refused.value.details["order_id"] == order.order_id
    assert standing(order) == ("expired", 100, 0, 0)


def test_an_order_that_ran_out_is_not_paid_any_more(toss, order):
    change(order, expires_at=func.clock_timestamp())
    payment_key = toss.approve(order.order_id)
    with pytest.raises(PurchaseExpired):
        confirm(toss.provider, order, payment_key)
    assert hear(toss.provider, order, payment_key) is False
    assert payments.expire(unit_of_work, toss.provider) == 1
    assert standing(order) == ("expired", 100, 0, 0)
    assert toss.taken() == []


def test_orders_with_time_left_do_not_expire(toss, order):
    assert payments.expire(unit_of_work, toss.provider) == 0
    assert standing(order) == PENDING


def test_an_order_that_ran_out_though_it_was_paid_gets_its_tokens(toss, order):
    """As after a restored backup: the provider remembers what we forgot."""
    payment_key = toss.approve(order.order_id)
    toss.provider.confirm(
        payment_key=payment_key, order_id=order.order_id, amount=10_000, idempotency_key="lost"
    )
    change(order, expires_at=func.clock_timestamp())
    assert payments.expire(unit_of_work, toss.provider) == 0
    assert standing(order) == PAID


def test_a_provider_that_stumbles_is_asked_again_under_a_new_key(toss, order):
    payment_key = toss.approve(order.order_id, "stumble")
    confirm(toss.provider, order, payment_key)
    assert standing(order) == PAID
    assert len(toss.shop.answers) == 2


def test_a_provider_that_stumbles_for_long_leaves_the_order_open_for_the_sweep(toss, order):
    payment_key = toss.approve(order.order_id)
    toss.shop.payments[payment_key].stumbles = 2
    with pytest.raises(PaymentsUnavailable):
        confirm(toss.provider, order, payment_key)
    assert standing(order) == ("authorized", 100, 0, 0)
    assert now(order).failure["code"] == "PROVIDER_ERROR"
    assert payments.resume(unit_of_work, toss.provider) == 0, "whoever asked may still be there"
    assert payments.resume(unit_of_work, toss.provider, min_age=NOW) == 1
    assert standing(order) == PAID


def test_while_the_provider_is_away_nothing_is_decided(toss, order):
    payment_key = toss.approve(order.order_id)
    with pytest.raises(PaymentsUnavailable):
        confirm(NOBODY, order, payment_key)
    assert standing(order) == ("authorized", 100, 0, 0)
    change(order, expires_at=func.clock_timestamp())
    payments.resume(unit_of_work, NOBODY, min_age=NOW)
    payments.expire(unit_of_work, toss.provider)
    assert standing(order) == ("authorized", 100, 0, 0)
    payments.resume(unit_of_work, toss.provider, min_age=NOW)
    assert standing(order) == PAID


def test_an_authorized_order_whose_approval_ran_out_expires(order):
    with toss_server(approval_seconds=0) as toss:
        payment_key = toss.approve(order.order_id)
        with pytest.raises(PaymentsUnavailable):
            confirm(NOBODY, order, payment_key)
        payments.resume(unit_of_work, toss.provider, min_age=NOW)
        assert standing(order) == ("expired", 100, 0, 0)


@pytest.mark.parametrize("healer", ["redirect", "webhook", "sweep"])
def test_death_after_the_providers_yes_is_healed(toss, order, healer, tmp_path):
    payment_key = toss.approve(order.order_id)
    log = tmp_path / "deaths"
    died = subprocess.run(
        [sys.executable, "-c", CONFIRM, str(order.user_id), order.order_id, payment_key],
        check=False,
        cwd=ROOT,
        env=os.environ
        | {"TOSS_BASE_URL": toss.url, "FAILPOINTS": "after_payment=1", "FAILPOINTS_LOG": str(log)},
        capture_output=True,
        text=True,
    )
    assert log.exists(), died.stderr
    assert toss.taken() == [(order.order_id, "DONE", 10_000)]
    assert standing(order) == ("authorized", 100, 0, 0)
    if healer == "redirect":
        confirm(toss.provider, order, payment_key)
    elif healer == "webhook":
        assert hear(toss.provider, order, payment_key) is True
    else:
        assert payments.resume(unit_of_work, toss.provider, min_age=NOW) == 1
    assert standing(order) == PAID
    assert len(toss.taken()) == 1


def test_a_buyer_who_gives_up_ends_a_pending_order_only(toss, order, buyer):
    with unit_of_work() as session:
        ended = purchases.fail(
            session, user_id=buyer.id, order_id=order.order_id, code="C", message="m"
        )
        assert (ended.status, ended.failure) == ("failed", {"code": "C", "message": "m"})
    payment_key = toss.approve(order.order_id)
    assert refusal_of(toss.provider, order, payment_key) == "C"
    assert toss.taken() == []

    paid = ordered(buyer)
    confirm(toss.provider, paid, toss.approve(paid.order_id))
    with unit_of_work() as session:
        late = purchases.fail(
            session, user_id=buyer.id, order_id=paid.order_id, code="C", message=""
        )
        assert late.status == "paid"


@pytest.mark.parametrize("status", ["failed", "expired"])
def test_money_for_an_order_that_had_ended_pages_and_gives_nothing(toss, order, status):
    payment_key = toss.approve(order.order_id)
    toss.provider.confirm(
        payment_key=payment_key, order_id=order.order_id, amount=10_000, idempotency_key="lost"
    )
    change(order, status=status)
    with capture_logs() as logs:
        assert hear(toss.provider, order, payment_key) is False
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "payment for an order that had ended"
    ]
    assert standing(order) == (status, 100, 0, 0)


def test_a_forged_webhook_changes_nothing(toss, order):
    for forged in ("forged", "", "../x"):
        with pytest.raises(PaymentFailed):
            hear(toss.provider, order, forged)
    assert standing(order) == PENDING
    with pytest.raises(NotFound):
        payments.handle_webhook(unit_of_work, NOBODY, order_id="P_unknown", payment_key="key")


def test_no_transaction_is_open_while_the_provider_is_asked(toss, order, committed):
    seen = []
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%'"
    )

    class Watched(TossPayments):
        def confirm(self, **asked):
            with committed.begin() as session:
                seen.append(session.scalar(query))
            return super().confirm(**asked)

    provider = Watched(base_url=toss.url, secret_key=SECRET_KEY)
    confirm(provider, order, toss.approve(order.order_id))
    assert seen == [0]
    assert standing(order) == PAID


def leave(person):
    with unit_of_work() as session:
        leaving.leave(session, user=session.get(User, person.id), confirm=person.username)


def test_nothing_is_asked_of_the_provider_for_who_approved_and_left(toss, buyer, order):
    payment_key = toss.approve(order.order_id)
    leave(buyer)
    assert hear(toss.provider, order, payment_key) is False
    with pytest.raises(PaymentFailed) as refused:
        confirm(toss.provider, order, payment_key)
    assert refused.value.details["reason"] == "ACCOUNT_CLOSED"
    assert standing(order) == ("failed", 100, 0, 0)
    assert toss.taken() == []


def test_money_that_is_being_taken_while_its_buyer_leaves_goes_back(toss, buyer, order):
    payment_key = toss.approve(order.order_id)
    with pytest.raises(PaymentsUnavailable):
        confirm(NOBODY, order, payment_key)
    leave(buyer)
    assert now(order).status == "authorized"
    payments.resume(unit_of_work, toss.provider, min_age=NOW)
    assert standing(order) == ("paid", 200, 1, 0)
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    assert standing(order) == ("refunded", 100, 2, 0)
    assert [status for _, status, _ in toss.taken()] == ["DONE", "CANCELED"]


@pytest.mark.parametrize("round_number", range(5))
def test_who_pays_and_leaves_at_once_has_the_tokens_or_the_money(toss, buyer, order, round_number):
    payment_key = toss.approve(order.order_id)
    answers = at_once(
        lambda: confirm(toss.provider, order, payment_key),
        lambda: hear(toss.provider, order, payment_key),
        lambda: leave(buyer),
    )
    assert answers[-1] is None, answers
    payments.resume(unit_of_work, toss.provider, min_age=NOW)
    purchase_refunds.resume(unit_of_work, toss.provider, min_age=NOW)
    status, tokens, *_ = standing(order)
    books = [status for _, status, _ in toss.taken()]
    assert (status, tokens, books) in [
        ("failed", 100, []),
        ("paid", 200, ["DONE"]),
        ("refunded", 100, ["DONE", "CANCELED"]),
    ]
