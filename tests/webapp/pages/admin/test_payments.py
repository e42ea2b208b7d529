from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.toss import toss_server
from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.gateways.payments import TossPayments
from webapp.domain.models.payment import Purchase
from webapp.domain.services import purchases, reconciliation
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
