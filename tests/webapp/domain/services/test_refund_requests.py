"""Refunds that buyers ask for: one open request of a payment, and who ends it how."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from tests import making
from tests.database import at_once
from webapp.domain import notification_words
from webapp.domain.db import unit_of_work
from webapp.domain.errors import (
    AccountInactive,
    AlreadyRefunded,
    InsufficientTokens,
    NotFound,
    PaymentFailed,
    RefundNotRequested,
    RefundRequested,
)
from webapp.domain.models.account import Role, User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.notification import Notification
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.queries import (
    attention,
    notifications as notification_queries,
    refund_requests as queries,
)
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services import (
    leaving,
    purchase_refunds,
    purchases,
    refund_requests,
)
from webapp.domain.sets_errors import CreditsExhausted

WHY = "The wrong package."


@pytest.fixture
def buyer(session):
    return making.user(session)


@pytest.fixture
def payment(session, buyer):
    """A hundred tokens that were bought, beside the hundred of the welcome bonus."""
    return making.paid(session, buyer)


@pytest.fixture
def admin(session):
    return making.user(session, role=Role.ADMIN)


def ask(session, payment, reason=WHY, *, by=None):
    refund_requests.request(
        session, user_id=by or payment.user_id, order_id=payment.order_id, reason=reason
    )


def withdraw(session, payment, *, by=None):
    refund_requests.withdraw(session, user_id=by or payment.user_id, order_id=payment.order_id)


def decline(session, payment, admin, note="Used since."):
    return refund_requests.decline(session, admin_id=admin.id, order_id=payment.order_id, note=note)


def state(session, payment):
    """What was asked, and the decline: reason and note."""
    row = purchases.find(session, payment.order_id)
    return (
        row.refund_requested_at is not None,
        row.refund_reason,
        row.refund_declined_at is not None,
        row.refund_decline_note,
    )


def waiting(session):
    page = queries.queue(session, page=PageRequest())
    assert attention.counts(session).refunds == len(page.results)
    return [each.order_id for each in page.results]


def change(session, payment, **columns):
    session.execute(update(Purchase).where(Purchase.id == payment.id).values(**columns))


def test_a_buyer_asks_with_a_reason_and_administrators_find_it(session, payment, buyer):
    ask(session, payment)
    assert state(session, payment) == (True, WHY, False, None)
    [request] = queries.queue(session, page=PageRequest()).results
    assert (request.buyer.username, request.buyer.available) == (buyer.username, 200)
    assert (request.amount_tokens, request.total_price, request.is_covered) == (100, 10_000, True)
    assert (request.refund_reason, request.refund_decline_note) == (WHY, None)
    assert waiting(session) == [payment.order_id]


def test_a_reason_is_optional(session, payment):
    ask(session, payment, "")
    assert state(session, payment) == (True, None, False, None)


def test_the_oldest_request_comes_first_in_pages(session, payment, buyer):
    others = [making.paid(session, buyer) for _ in range(2)]
    for each in (others[1], payment, others[0]):
        ask(session, each)
    first = queries.queue(session, page=PageRequest(limit=2))
    rest = queries.queue(session, page=PageRequest(limit=2, cursor=first.next_cursor))
    found = [each.order_id for each in (*first.results, *rest.results)]
    assert found == [others[1].order_id, payment.order_id, others[0].order_id]
    assert rest.next_cursor is None


def test_a_second_request_is_refused_and_changes_nothing(session, payment):
    ask(session, payment)
    with pytest.raises(RefundRequested) as refused:
        ask(session, payment, "Again.")
    assert refused.value.details == {"order_id": payment.order_id}
    assert state(session, payment) == (True, WHY, False, None)


def test_a_payment_of_somebody_else_is_not_found(session, payment):
    stranger = making.user(session)
    for action in (ask, withdraw):
        with pytest.raises(NotFound):
            action(session, payment, by=stranger.id)
    with pytest.raises(NotFound):
        refund_requests.request(session, user_id=stranger.id, order_id="P_none", reason="")
    assert state(session, payment) == (False, None, False, None)


def test_only_what_was_paid_can_be_asked_back(session, buyer):
    pending = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
    with pytest.raises(PaymentFailed) as refused:
        ask(session, pending)
    assert refused.value.details == {"order_id": pending.order_id, "reason": "not_paid"}


def test_spent_tokens_are_not_asked_back(session, payment):
    making.take_tokens(session, payment.user_id, 101)
    with pytest.raises(InsufficientTokens) as refused:
        ask(session, payment)
    assert refused.value.details == {"required": 100, "available": 99}


@pytest.mark.parametrize("package_id", ["credits_100", "pro_month"])
def test_credits_of_sets_are_asked_back_while_they_are_there(session, buyer, package_id):
    bought = making.paid(session, buyer, package_id)
    balance = select(SetsAccount.credits).where(SetsAccount.id == bought.sets_account_id)
    extra = session.scalar(balance) - bought.amount_credits
    ask(session, bought)
    [request] = queries.queue(session, page=PageRequest()).results
    assert request.buyer.available == extra + bought.amount_credits
    assert request.is_covered
    withdraw(session, bought)
    spent = update(SetsAccount).where(SetsAccount.id == bought.sets_account_id)
    session.execute(spent.values(credits=bought.amount_credits - 1))
    with pytest.raises(CreditsExhausted) as refused:
        ask(session, bought)
    required = bought.amount_credits
    assert refused.value.details == {"required": required, "available": required - 1}


def test_a_request_stays_if_the_tokens_are_spent_and_says_so(session, payment):
    ask(session, payment)
    making.take_tokens(session, payment.user_id, 101)
    [request] = queries.queue(session, page=PageRequest()).results
    assert (request.buyer.available, request.is_covered) == (99, False)


def test_a_withdrawn_request_leaves_nothing_and_may_be_made_again(session, payment):
    ask(session, payment)
    withdraw(session, payment)
    assert state(session, payment) == (False, None, False, None)
    assert waiting(session) == []
    with pytest.raises(RefundNotRequested) as refused:
        withdraw(session, payment)
    assert refused.value.details == {"order_id": payment.order_id}
    ask(session, payment)
    assert waiting(session) == [payment.order_id]


def told(session, payment):
    page = notification_queries.own(
        session, None, user_id=payment.user_id, unread_only=True, page=PageRequest()
    )
    return page.results


def test_a_decline_is_logged_and_the_buyer_is_told(session, payment, admin):
    ask(session, payment)
    assert decline(session, payment, admin) is True
    assert state(session, payment) == (True, WHY, True, "Used since.")
    assert waiting(session) == []
    [entry] = session.query(AuditEntry)
    assert (entry.object_type, entry.object_id) == ("purchase", str(payment.id))
    assert (entry.admin_id, entry.reason) == (admin.id, "Used since.")
    assert entry.after == {"refund": "declined", "order_id": payment.order_id}
    [notice] = told(session, payment)
    assert notice.metadata == {"outcome": "declined", "paid_krw": 10_000}
    assert notification_words.page(notice) == "/wallet"
    texts = {"notification.refund_declined": "₩%(paid_krw)s declined"}
    assert notification_words.sentence(notice, lambda key: texts.get(key, key)) == (
        "₩10,000 declined"
    )


def test_a_declined_request_cannot_be_declined_or_withdrawn(session, payment, admin):
    ask(session, payment)
    decline(session, payment, admin)
    with pytest.raises(RefundNotRequested):
        decline(session, payment, admin, "Twice.")
    with pytest.raises(RefundNotRequested):
        withdraw(session, payment)
    assert state(session, payment) == (True, WHY, True, "Used since.")
    assert len(told(session, payment)) == 1


def test_after_a_decline_one_asks_again_and_is_told_again(session, payment, admin):
    for reason in ("First.", "Second."):
        ask(session, payment, reason)
        assert state(session, payment) == (True, reason, False, None)
        decline(session, payment, admin)
    assert len(told(session, payment)) == 2


def test_nobody_is_told_of_a_closed_account(session, payment, admin):
    ask(session, payment)
    leaving.deactivate(session, payment.user_id)
    assert waiting(session) == [payment.order_id]
    assert decline(session, payment, admin) is False
    assert session.scalar(select(func.count()).select_from(Notification)) == 0
    with pytest.raises(AccountInactive):
        ask(session, payment)


def test_what_nobody_asked_for_is_not_declined(session, payment, admin):
    with pytest.raises(RefundNotRequested):
        decline(session, payment, admin)
    with pytest.raises(NotFound):
        refund_requests.decline(session, admin_id=admin.id, order_id="P_none", note="None.")


def test_a_refund_that_has_begun_ends_the_request(session, payment, admin):
    ask(session, payment)
    purchase_refunds.begin(session, payment)
    assert waiting(session) == []
    for refused in (lambda: withdraw(session, payment), lambda: decline(session, payment, admin)):
        with pytest.raises(RefundNotRequested):
            refused()
    with pytest.raises(RefundRequested):
        ask(session, payment)


def test_a_refund_that_the_provider_refused_waits_again(session, payment):
    ask(session, payment)
    purchase_refunds.begin(session, payment)
    change(session, payment, refund_key=None)
    assert waiting(session) == [payment.order_id]


def test_what_was_refunded_is_not_asked_back(toss, committed):
    with committed.begin() as session:
        admin = making.user(session, role=Role.ADMIN)
        buyer = making.user(session)
    bought = toss.buy(buyer)
    with unit_of_work() as session:
        ask(session, bought)
    done = purchase_refunds.refund_purchase(
        unit_of_work, toss.provider, admin_id=admin.id, order_id=bought.order_id, reason=WHY
    )
    with unit_of_work() as session:
        assert waiting(session) == []
        assert making.violations(session) == []
    with unit_of_work() as session, pytest.raises(AlreadyRefunded) as refused:
        ask(session, bought)
    assert refused.value.details == {"transaction_id": done.transaction_id}


def test_of_many_requests_at_once_one_is_made(toss, committed):
    with committed.begin() as session:
        buyer = making.user(session)
    bought = toss.buy(buyer)

    def ask_once():
        with unit_of_work() as session:
            ask(session, bought)

    results = at_once(*[ask_once] * 6)
    assert sorted(type(each).__name__ for each in results) == ["NoneType"] + ["RefundRequested"] * 5


def test_asking_and_leaving_at_once_never_deadlock(toss, committed):
    for _ in range(5):
        with committed.begin() as session:
            buyer = making.user(session)
        first, second = toss.buy(buyer), toss.buy(buyer)
        with unit_of_work() as session:
            ask(session, first)

        def leave(buyer=buyer):
            with unit_of_work() as session:
                leaving.leave(session, user=session.get(User, buyer.id), confirm=buyer.username)

        def ask_more(second=second):
            with unit_of_work() as session:
                ask(session, second)

        left, asked = at_once(leave, ask_more)
        assert left is None
        assert asked is None or isinstance(asked, AccountInactive)


def test_who_leaves_takes_the_texts_along_and_the_request_stays(session, payment, buyer, admin):
    ask(session, payment)
    assert leaving.leave(session, user=buyer, confirm=buyer.username) == "deleted"
    assert state(session, payment) == (True, None, False, None)
    assert waiting(session) == [payment.order_id]
    assert decline(session, payment, admin) is False


@pytest.mark.parametrize(
    "columns",
    [
        {"refund_reason": "Never asked."},
        {"refund_declined_at": func.now(), "refund_decline_note": "Never asked."},
        {"refund_requested_at": func.now(), "refund_declined_at": func.now()},
        {"refund_requested_at": func.now(), "refund_decline_note": "Not declined."},
        {"refund_requested_at": func.now(), "status": "failed"},
    ],
)
def test_the_database_refuses_half_a_request(session, payment, columns):
    with pytest.raises(IntegrityError):
        change(session, payment, **columns)


def test_a_request_changes_when_the_purchase_was_changed(session, payment):
    change(session, payment, updated_at=func.now() - timedelta(days=1))
    before = purchases.find(session, payment.order_id).updated_at
    ask(session, payment)
    assert purchases.find(session, payment.order_id).updated_at > before
