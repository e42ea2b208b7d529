from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests import making
from tests.toss import toss_server
from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.gateways.payments import TossPayments
from webapp.domain.models.payment import Purchase
from webapp.domain.services import leaving, purchases, reconciliation, refund_requests
from webapp.domain.services.reconciliation import Difference, Kind


@pytest.fixture
def toss(app):
    with toss_server() as running:
        app.extensions["payments"] = running.provider
        yield running


@pytest.fixture
def order(session, buyer):
    """Order a package and put it where a test wants it."""

    def ordered(**columns):
        made = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
        values = {"updated_at": jobs.NOW} | columns
        session.execute(update(Purchase).where(Purchase.id == made.id).values(**values))
        session.commit()
        return made.order_id

    return ordered


def test_payments_and_refunds_without_an_end_are_listed(admin_client, order):
    paid = {"status": "paid", "approved_at": jobs.NOW}
    missing = {
        order(status="authorized", payment_key="one"): "The provider has not reported whether",
        order(refund_key="key", payment_key="two", **paid): "Refund in progress",
        order(expires_at=jobs.NOW - timedelta(minutes=1)): "Expired, but not closed yet",
    }
    ended = {order(), order(payment_key="three", **paid), order(status="failed")}
    page = Page(admin_client.get("/admin/payments"))
    for order_id, said in missing.items():
        assert f"/admin/payments/{order_id}" in page.links()
        assert said in page.text
    assert not {f"/admin/payments/{order_id}" for order_id in ended} & set(page.links())
    assert "Payments to check 3" in Page(admin_client.get("/admin")).text


def test_what_the_night_found_stands_there(admin_client, session, order):
    assert "has not been compared" in Page(admin_client.get("/admin/payments")).text
    reconciliation.save_differences(session, [])
    session.commit()
    assert "The ledger and the provider agree." in Page(admin_client.get("/admin/payments")).text
    order_id = order()
    reconciliation.save_differences(session, [Difference(order_id, Kind.NOT_TAKEN, 10_000, "…")])
    session.commit()
    page = Page(admin_client.get("/admin/payments"))
    assert "Tokens were added, but the provider took no payment ₩10,000" in page.text
    assert f"/admin/payments/{order_id}" in page.links()
    assert "Payments to check 1" in Page(admin_client.get("/admin")).text


def test_some_days_are_compared_at_once(admin_client, toss):
    today = datetime.now(UTC).date()
    days = f"since={today - timedelta(days=1)}&until={today}"
    assert (
        "The ledger and the provider agree."
        in Page(admin_client.get(f"/admin/payments/compare?{days}")).text
    )
    payment_key = toss.approve("P_elsewhere")
    toss.provider.confirm(
        payment_key=payment_key, order_id="P_elsewhere", amount=10_000, idempotency_key="one"
    )
    page = Page(admin_client.get(f"/admin/payments/compare?{days}"))
    assert "P_elsewhere The provider took a payment that is not in the ledger ₩10,000" in page.text


def test_a_provider_that_is_away_is_told(admin_client, app):
    app.extensions["payments"] = TossPayments(base_url="http://127.0.0.1:1", secret_key="x")
    page = Page(admin_client.get("/admin/payments/compare?since=2026-01-01&until=2026-01-02"))
    assert "The provider is not responding." in page.text


@pytest.mark.parametrize("typed", ["P_none", "mina", "x" * 100])
def test_an_unknown_number_is_told_and_where_to_look(admin_client, typed):
    answer = admin_client.get(f"/admin/payments?order_id={typed}")
    assert answer.status_code == 200
    page = Page(answer)
    assert "There is no payment with this number." in page.text
    assert page.all("input", name="order_id", value=typed)
    assert "There is no payment" not in Page(admin_client.get("/admin/payments")).text


@pytest.mark.parametrize("query", ["", "?since=2026-01-01", "?since=yesterday&until=today"])
def test_days_that_are_none_are_refused(admin_client, query):
    assert admin_client.get(f"/admin/payments/compare{query}").status_code == 422


def test_one_purchase_is_shown_whole(admin_client, order, buyer):
    failure = {"code": "REJECT_CARD_COMPANY", "message": "No."}
    order_id = order(status="failed", failure=failure)
    page = Page(admin_client.get(f"/admin/payments?order_id={order_id}", follow_redirects=True))
    for text in (order_id, buyer.username, "₩10,000", "REJECT_CARD_COMPANY – No."):
        assert text in page.text
    assert f"/admin/refund?order_id={order_id}" not in page.links()
    paid = order(status="paid", payment_key="one", approved_at=jobs.NOW)
    assert (
        f"/admin/refund?order_id={paid}"
        in Page(admin_client.get(f"/admin/payments/{paid}")).links()
    )
    assert admin_client.get("/admin/payments/P_none").status_code == 404


@pytest.fixture
def requested(session, buyer):
    """A hundred tokens whose buyer asks for the money."""
    made = making.asked_back(session, buyer, "The wrong <b>package</b>.")
    session.commit()
    return made


def test_refund_requests_come_first_with_their_reason(admin_client, requested, buyer):
    page = Page(admin_client.get("/admin/payments"))
    assert page.text.index("Refund requests") < page.text.index("Open payments")
    assert "100 tokens, ₩10,000" in page.text
    assert "The wrong <b>package</b>." in page.text
    assert "Available tokens: 200." in page.text
    assert "Too few for the refund." not in page.text
    assert {
        f"/admin/payments/{requested.order_id}",
        f"/admin/refund?order_id={requested.order_id}",
        f"/admin/users/{buyer.id}",
    } <= set(page.links())
    assert page.own_code() == []
    assert "Refunds requested 1" in Page(admin_client.get("/admin")).text
    one = Page(admin_client.get(f"/admin/payments/{requested.order_id}"))
    assert "Refund requested" in one.text
    assert "The wrong <b>package</b>." in one.text
    refunding = Page(admin_client.get(f"/admin/refund?order_id={requested.order_id}"))
    assert "The buyer asked for it" in refunding.text
    assert "The wrong <b>package</b>." in refunding.text


def test_without_requests_it_says_so(admin_client, session, buyer):
    making.paid(session, buyer)
    session.commit()
    assert "No refund requests." in Page(admin_client.get("/admin/payments")).text
    assert "Refunds requested 0" in Page(admin_client.get("/admin")).text


def test_it_is_told_if_the_tokens_are_spent(admin_client, requested, session):
    making.take_tokens(session, requested.user_id, 101)
    session.commit()
    page = Page(admin_client.get("/admin/payments"))
    assert "Available tokens: 99. Too few for the refund." in page.text


def test_credits_of_sets_are_named(admin_client, session, buyer):
    bought = making.paid(session, buyer, "credits_100")
    refund_requests.request(session, user_id=buyer.id, order_id=bought.order_id, reason="")
    session.commit()
    page = Page(admin_client.get("/admin/payments"))
    assert "100 credits for Sets" in page.text
    assert "Credits left: " in page.text


@pytest.mark.parametrize("in_place", [True, False])
def test_a_request_is_declined_with_a_reason(press, requested, session, log, in_place):
    target = f"/admin/payments/{requested.order_id}/decline-refund"
    answer = press("/admin/payments", target, in_place=in_place, reason="Used since.")
    if in_place:
        assert "Declined. The buyer was notified." in Page(answer).text
    else:
        assert answer.location == "/admin/payments?done=refund_declined"
    assert log() == [
        (
            "purchase",
            str(requested.id),
            {"refund": "declined", "order_id": requested.order_id},
            "Used since.",
        )
    ]
    assert purchases.find(session, requested.order_id).refund_decline_note == "Used since."


def test_a_decline_is_read_on_the_payment_and_in_the_log(admin_client, press, requested):
    press("/admin/payments", f"/admin/payments/{requested.order_id}/decline-refund")
    assert "No refund requests." in Page(admin_client.get("/admin/payments")).text
    one = Page(admin_client.get(f"/admin/payments/{requested.order_id}"))
    assert "Refund declined" in one.text
    assert "Seen by two people." in one.text
    logged = Page(admin_client.get("/admin/log")).text
    assert "asked for" in logged
    assert "declined" in logged


def test_a_decline_without_a_reason_or_of_a_withdrawn_request_is_refused(
    admin_client, press, requested, session
):
    target = f"/admin/payments/{requested.order_id}/decline-refund"
    refused = press("/admin/payments", target, in_place=True, reason="")
    assert refused.status_code == 422
    assert "Please enter a reason" in Page(refused).text
    refund_requests.withdraw(session, user_id=requested.user_id, order_id=requested.order_id)
    session.commit()
    token = {"csrf_token": admin_client.csrf_token, "reason": "Used since."}
    refused = admin_client.post(target, data=token, headers={"HX-Request": "true"})
    assert refused.status_code == 409
    assert "There is no open refund request of this payment." in Page(refused).text


def test_of_a_closed_account_nobody_is_told(press, requested, session, admin_client):
    leaving.deactivate(session, requested.user_id)
    session.commit()
    assert "nobody is notified" in Page(admin_client.get("/admin/payments")).text
    target = f"/admin/payments/{requested.order_id}/decline-refund"
    answer = press("/admin/payments", target, in_place=True)
    assert "The account is closed: nobody was notified." in Page(answer).text


def test_many_requests_have_pages(admin_client, session, buyer):
    for _ in range(21):
        made = making.asked_back(session, buyer)
    session.commit()
    page = Page(admin_client.get("/admin/payments"))
    assert made.order_id not in page.text
    [following] = [link for link in page.links() if "cursor=" in link]
    assert made.order_id in Page(admin_client.get(following)).text
