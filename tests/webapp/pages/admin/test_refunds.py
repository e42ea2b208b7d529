from unittest.mock import Mock

import pytest

from tests import making
from tests.webapp.pages.admin.conftest import REASON
from tests.webapp.pages.reading import Page
from webapp.domain.gateways.payments import PaymentRefused, TossPayments
from webapp.domain.models.audit import AuditEntry
from webapp.domain.services import ledger, purchases


def test_what_a_refund_of_an_image_does_is_told_before(admin_client, image, buyer, artist):
    page = Page(admin_client.get(f"/admin/refund?generation_id={image.id}"))
    assert f"{buyer.username} gets 10 tokens back. Available after that: 100." in page.text
    assert f"Taken from the earnings of {artist.artist_name}: 10 tokens." in page.text
    assert "Earnings after that: 0." in page.text
    assert page.all("form", method="post", action="/admin/refund")


def test_a_picture_is_refunded_by_its_address_too(admin_client, image):
    page = Page(admin_client.get(f"/admin/refund?generation_id=http://localhost/g/{image.id}"))
    assert page.all("input", name="generation_id", value=str(image.id))


def test_an_image_is_refunded_once(admin_client, session, press, log, image, buyer):
    address = f"/admin/refund?generation_id={image.id}"
    answer = press(address, "/admin/refund", generation_id=str(image.id))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{address}&done=refunded"
    assert ledger.balances(session, buyer.id).spendable == 100
    ((kind, row_id, after, reason),) = log()
    assert (kind, row_id, after["refunded"], reason) == ("generation", str(image.id), True, REASON)
    page = Page(admin_client.get(answer.headers["Location"]))
    assert "The refund was logged" in page.text
    assert "Already refunded." not in page.text
    assert page.all("p", **{"class": "problem"}) == []
    assert f"Picture {image.id} is refunded" in page.text
    assert {"/admin/refund", f"/admin/ledger?generation_id={image.id}"} <= set(page.links())
    assert address not in Page(admin_client.get("/admin/ledger")).links()
    assert page.all("form", method="post", action="/admin/refund") == []
    form = {"generation_id": str(image.id), "reason": REASON, "next": address}
    again = admin_client.post("/admin/refund", data=form)
    assert again.status_code == 409
    assert "Already refunded." in Page(again).text
    assert len(log()) == 1
    assert making.violations(session) == []
    later = Page(admin_client.get(address))  # as somebody finds it who did not refund it
    assert "Already refunded." in later.text
    assert "The refund was logged" not in later.text


def test_the_last_refunds_stand_under_the_forms(admin_client, press, image, buyer):
    assert "No refunds yet." in Page(admin_client.get("/admin/refund")).text
    press(f"/admin/refund?generation_id={image.id}", "/admin/refund", generation_id=str(image.id))
    page = Page(admin_client.get("/admin/refund"))
    assert f"Refund by an administrator {buyer.username} Picture {image.id} 10" in page.text
    assert f"/g/{image.id}" in page.links()


def test_what_cannot_be_refunded_says_why_and_offers_nothing(
    admin_client, session, style, buyer, artist, image
):
    working = making.order(session, buyer, style)[0]
    session.commit()
    page = Page(admin_client.get(f"/admin/refund?generation_id={working.id}"))
    assert "This picture has not been delivered." in page.text
    assert page.all("form", method="post", action="/admin/refund") == []


@pytest.mark.parametrize(
    "query",
    [
        "generation_id=99999999",
        "generation_id=a+boat",
        "generation_id=/g/",
        "order_id=P_none",
        "order_id=%25",
    ],
)
def test_what_is_not_there_is_said(admin_client, query):
    page = Page(admin_client.get(f"/admin/refund?{query}"))
    assert "There is nothing with this number." in page.text


@pytest.mark.parametrize(
    "form", [{}, {"generation_id": "x"}, {"generation_id": "1", "order_id": "2"}]
)
def test_a_refund_names_one_thing(admin_client, log, form):
    answer = admin_client.post("/admin/refund", data=form | {"reason": REASON})
    assert answer.status_code == 422
    assert log() == []


def test_a_refund_needs_its_reason(admin_client, press, log, image):
    address = f"/admin/refund?generation_id={image.id}"
    answer = press(address, "/admin/refund", reason=" ", generation_id=str(image.id))
    assert answer.status_code == 422
    assert "Please enter a reason" in Page(answer).text
    assert log() == []


def refund(client, made):
    form = {"order_id": made.order_id, "reason": REASON}
    return client.post("/admin/refund", data=form | {"next": "/admin/refund"})


def entries(committed):
    with committed() as session:
        return [(each.object_type, each.after) for each in session.query(AuditEntry)]


def test_a_purchase_is_refunded_by_the_provider(bought, committed):
    client, made = bought
    page = Page(client.get(f"/admin/refund?order_id={made.order_id}"))
    assert "The provider refunds ₩10,000 to" in page.text
    assert ": 100 tokens. Available after that: 100." in page.text
    assert refund(client, made).headers["Location"] == "/admin/refund?done=refunded"
    with committed() as session:
        assert purchases.find(session, made.order_id).status == "refunded"
        assert making.violations(session) == []
    assert entries(committed) == [("purchase", {"refund": "begun", "order_id": made.order_id})]
    page = Page(client.get(f"/admin/refund?order_id={made.order_id}"))
    assert "Already refunded." in page.text
    assert "The payment is refunded" in page.text
    done = Page(client.get(f"/admin/refund?order_id={made.order_id}&done=refunded"))
    assert "Already refunded." not in done.text
    listed = Page(client.get("/admin/refund"))
    assert "Payment refunded" in listed.text
    assert f"/admin/payments/{made.order_id}" in listed.links()


def test_spent_tokens_are_not_paid_back(bought, committed):
    client, made = bought
    with committed.begin() as session:
        making.take_tokens(session, made.user_id, 150)
    page = Page(client.get(f"/admin/refund?order_id={made.order_id}"))
    assert "There are not enough tokens left to refund." in page.text
    answer = refund(client, made)
    assert answer.status_code == 402
    assert "There are not enough tokens left to refund." in Page(answer).text
    assert entries(committed) == []


def test_a_provider_that_refuses_is_told_and_logged(bought, committed, monkeypatch):
    client, made = bought
    refused = PaymentRefused("NOT_CANCELABLE_PAYMENT", "No.")
    monkeypatch.setattr(TossPayments, "cancel", Mock(side_effect=refused))
    answer = refund(client, made)
    assert "this payment cannot be refunded any more" in Page(answer).text
    begun = {"refund": "begun", "order_id": made.order_id}
    code = {"code": "NOT_CANCELABLE_PAYMENT"}
    assert entries(committed) == [
        ("purchase", begun),
        ("purchase", begun | code | {"refund": "refused"}),
    ]
    text = Page(client.get("/admin/log")).text
    assert "Refund: begun → refused by the provider" in text
    assert REASON in text


def test_a_provider_that_is_away_is_not_called_a_failure(bought, committed, real_app):
    client, made = bought
    real_app.extensions["payments"] = TossPayments(
        base_url="http://127.0.0.1:1", secret_key="test_sk"
    )
    answer = refund(client, made)
    assert answer.status_code == 503
    assert "The refund has started" in Page(answer).text
    assert "Nothing was changed" not in Page(answer).text
    assert entries(committed) == [("purchase", {"refund": "begun", "order_id": made.order_id})]
    assert made.order_id in Page(client.get("/admin/payments")).text
