"""The payments of the wallet: a refund is asked for, withdrawn, declined, and made."""

import secrets

import pytest
from sqlalchemy import update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.services import (
    purchase_refunds,
    purchases,
    refund_requests,
)
from webapp.pages.wallet import PURCHASES_SHOWN

ASK, WITHDRAW = (
    "/wallet/purchases/{}/refund-request",
    "/wallet/purchases/{}/refund-request/withdraw",
)


@pytest.fixture
def payment(session, buyer):
    made = making.paid(session, buyer)
    session.commit()
    return made


@pytest.fixture
def decline(session, payment, admin):
    """Ask, and decline it with a note."""

    def declined(note="Used since."):
        refund_requests.request(
            session, user_id=payment.user_id, order_id=payment.order_id, reason="Wrong one."
        )
        refund_requests.decline(session, admin_id=admin.id, order_id=payment.order_id, note=note)
        session.commit()

    return declined


def ask(client, payment, reason="", key=None):
    form = {"csrf_token": client.csrf_token, "idempotency_key": key or secrets.token_hex(16)}
    return client.post(ASK.format(payment.order_id), data=form | {"reason": reason})


def withdraw(client, payment):
    form = {"csrf_token": client.csrf_token}
    return client.post(WITHDRAW.format(payment.order_id), data=form)


def wallet(client):
    return Page(client.get("/wallet"))


def offers(page, payment):
    return bool(page.all("form", method="post", action=ASK.format(payment.order_id)))


def row(session, payment):
    return purchases.find(session, payment.order_id)


def test_a_buyer_asks_and_withdraws(buyer_client, payment, session):
    page = wallet(buyer_client)
    assert "Ask for a refund" in page.text
    assert "₩10,000 goes back to your means of payment, and 100 tokens are taken back" in page.text
    assert offers(page, payment)
    assert not [link for link in page.links() if link.startswith("mailto:")]
    answer = ask(buyer_client, payment, " Wrong package. ")
    assert (answer.status_code, answer.location) == (303, "/wallet#purchases-title")
    assert row(session, payment).refund_reason == "Wrong package."
    page = wallet(buyer_client)
    assert "Refund requested" in page.text
    assert not offers(page, payment)
    assert page.own_code() == []
    answer = withdraw(buyer_client, payment)
    assert (answer.status_code, answer.location) == (303, "/wallet#purchases-title")
    assert "Refund requested" not in wallet(buyer_client).text
    assert row(session, payment).refund_requested_at is None


def test_a_form_that_is_sent_twice_is_one_request_and_a_second_form_is_told(buyer_client, payment):
    for _ in range(2):
        assert ask(buyer_client, payment, key="the-same-form").status_code == 303
    refused = ask(buyer_client, payment)
    assert refused.status_code == 409
    assert "already requested or in progress" in Page(refused).text


def test_too_long_a_reason_is_told_and_kept(buyer_client, payment, session):
    refused = ask(buyer_client, payment, "x" * 501)
    assert refused.status_code == 422
    page = Page(refused)
    assert "Use at most 500 characters." in page.text
    [field] = page.all("textarea", name="reason")
    assert field["aria-invalid"] == "true"
    assert "x" * 501 in page.text
    assert row(session, payment).refund_requested_at is None


def test_spent_tokens_are_told_in_words(buyer_client, payment, session):
    making.take_tokens(session, payment.user_id, 101)
    session.commit()
    page = wallet(buyer_client)
    assert "Not refundable while fewer than 100 tokens are available." in page.text
    assert not offers(page, payment)
    refused = ask(buyer_client, payment)
    assert refused.status_code == 402
    assert "You do not have enough tokens." in Page(refused).text


def test_a_request_whose_tokens_were_spent_since_says_so(buyer_client, payment, session):
    ask(buyer_client, payment)
    making.take_tokens(session, payment.user_id, 101)
    session.commit()
    page = wallet(buyer_client)
    assert "Refund requested" in page.text
    assert "Not refundable while fewer than 100 tokens are available." in page.text


@pytest.mark.parametrize("package_id", ["credits_100", "pro_month"])
def test_payments_of_sets_are_asked_back_too(buyer_client, buyer, session, package_id):
    bought = making.paid(session, buyer, package_id)
    session.commit()
    page = wallet(buyer_client)
    assert offers(page, bought)
    assert f"{bought.amount_credits} credits are taken back" in page.text
    session.execute(update(SetsAccount).values(credits=0))
    session.commit()
    text = f"Not refundable while fewer than {bought.amount_credits} credits are left."
    assert text in wallet(buyer_client).text
    assert ask(buyer_client, bought).status_code == 402


def test_a_decline_is_shown_with_its_note_and_asked_again(buyer_client, payment, decline, session):
    decline()
    page = wallet(buyer_client)
    assert "Refund declined, " in page.text
    assert ": Used since." in page.text
    assert "Ask for a refund again" in page.text
    ask(buyer_client, payment)
    page = wallet(buyer_client)
    assert "Refund requested" in page.text
    assert "Used since." not in page.text
    assert row(session, payment).refund_declined_at is None


def test_a_refund_in_progress_is_neither_asked_for_nor_withdrawn(buyer_client, payment, session):
    ask(buyer_client, payment)
    purchase_refunds.begin(session, payment)
    session.commit()
    page = wallet(buyer_client)
    assert "Refund in progress" in page.text
    assert not offers(page, payment)
    refused = withdraw(buyer_client, payment)
    assert refused.status_code == 409
    assert "There is no open refund request of this payment." in Page(refused).text


def test_a_refunded_payment_offers_nothing(buyer_client, payment, decline, session):
    decline()
    session.execute(update(Purchase).values(status="refunded", refund_key="key"))
    session.commit()
    page = wallet(buyer_client)
    assert "Refunded" in page.text
    assert "Used since." not in page.text
    assert not offers(page, payment)


def test_a_payment_of_somebody_else_is_not_found(sign_in, session, payment):
    stranger = sign_in(making.user(session))
    assert ask(stranger, payment).status_code == 404
    assert withdraw(stranger, payment).status_code == 404
    assert row(session, payment).refund_requested_at is None


def test_another_site_cannot_ask(buyer_client, payment, session):
    buyer_client.csrf_token = None
    for address in (ASK, WITHDRAW):
        assert buyer_client.post(address.format(payment.order_id), data={}).status_code == 403
    assert row(session, payment).refund_requested_at is None


def test_earlier_payments_are_on_further_pages(buyer_client, buyer, session, payment):
    for _ in range(PURCHASES_SHOWN):
        making.paid(session, buyer)
    session.commit()
    page = wallet(buyer_client)
    assert not offers(page, payment)
    [earlier] = [link for link in page.links() if link.startswith("/wallet?payments=")]
    page = Page(buyer_client.get(earlier.partition("#")[0]))
    assert offers(page, payment)
    assert not [link for link in page.links() if link.startswith("/wallet?payments=")]
    session.execute(update(Purchase).values(status="expired"))
    session.commit()
    page = Page(buyer_client.get(earlier.partition("#")[0]))
    assert "No earlier payments. Newest payments" in page.text
    assert buyer_client.get("/wallet?payments=nonsense").status_code == 422


def test_a_wallet_takes_as_many_statements_however_many_payments_it_lists(
    buyer_client, buyer, session, payment
):
    with statements(session) as few:
        wallet(buyer_client)
    making.paid(session, buyer)
    making.paid(session, buyer, "credits_100")
    session.commit()
    with statements(session) as many:
        wallet(buyer_client)
    assert len(few) == len(many)


def test_wallet_and_policy_say_the_same(buyer_client, client, payment):
    assert (
        "refunded on request as long as your available tokens are at least as many as it added"
        in wallet(buyer_client).text
    )
    policy = Page(client.get("/refunds"))
    assert "your available tokens are at least as many as it added" in policy.text
    assert "Ask for it in your wallet, beside the payment." in policy.text
    assert "/wallet#purchases-title" in policy.links()
    assert "Ask us with the day" in Page(client.get("/refunds/2026-11-30")).text


def test_korean_readers_read_korean(buyer_client, payment, decline):
    korean = {"Accept-Language": "ko"}
    assert "환불 요청" in Page(buyer_client.get("/wallet", headers=korean)).text
    decline("이미 쓴 토큰입니다.")
    page = Page(buyer_client.get("/wallet", headers=korean))
    assert "환불 거절됨" in page.text
    assert "이미 쓴 토큰입니다." in page.text
    notices = Page(buyer_client.get("/notifications", headers=korean))
    assert "10,000원 결제의 환불 요청이 거절되었습니다." in notices.text
