import threading

import httpx
import pytest
from flask import Flask, request

from tests.serving import served
from tests.toss import CLIENT_KEY, SECRET_KEY, toss_server
from tests.waiting import wait_for
from webapp.sandbox.toss import create_app

AMOUNT = 10_000


@pytest.fixture
def api(toss):
    with httpx.Client(base_url=toss.url, auth=(SECRET_KEY, "")) as client:
        yield client


def confirm(api, payment_key, *, key=None, **changes):
    body = {"paymentKey": payment_key, "orderId": "order-1", "amount": AMOUNT} | changes
    headers = {"Idempotency-Key": key} if key else {}
    answer = api.post("/v1/payments/confirm", json=body, headers=headers)
    return answer.status_code, answer.json()


def refusal(answer):
    status, body = answer
    assert set(body) == {"code", "message"}
    return status, body["code"]


def test_an_approved_payment_is_confirmed_found_and_written_down(toss, api):
    payment_key = toss.approve("order-1")
    assert api.get(f"/v1/payments/{payment_key}").json()["status"] == "IN_PROGRESS"
    status, payment = confirm(api, payment_key)
    assert status == 200
    assert (payment["status"], payment["totalAmount"], payment["balanceAmount"]) == (
        "DONE",
        AMOUNT,
        AMOUNT,
    )
    assert payment["approvedAt"].endswith("+09:00")
    assert api.get(f"/v1/payments/{payment_key}").json() == payment
    assert api.get("/v1/payments/orders/order-1").json() == payment
    assert toss.taken() == [("order-1", "DONE", AMOUNT)]
    assert "10,000" in httpx.get(payment["receipt"]["url"]).text


def test_the_checkout_page_shows_what_is_asked_and_every_way_to_go_on(toss):
    query = {
        "clientKey": CLIENT_KEY,
        "orderId": "order-1",
        "orderName": "<b>100 tokens",
        "amount": "10000",
        "successUrl": "http://shop/ok",
        "failUrl": "http://shop/no",
    }
    page = httpx.get(f"{toss.url}/checkout", params=query)
    assert page.status_code == 200
    assert "10,000 KRW" in page.text
    assert "<b>100" not in page.text
    for decision in ("pay", "cancel", "refuse", "expire", "stumble", "vanish"):
        assert f'value="{decision}"' in page.text


@pytest.mark.parametrize(
    "change, status",
    [
        ({"clientKey": "another"}, 401),
        ({"amount": "0"}, 400),
        ({"amount": "-5"}, 400),
        ({"orderId": ""}, 400),
        ({"successUrl": "javascript:alert(1)"}, 400),
    ],
)
def test_a_checkout_that_makes_no_sense_is_refused(toss, change, status):
    query = {
        "clientKey": CLIENT_KEY,
        "orderId": "order-1",
        "amount": "10000",
        "successUrl": "http://shop/ok",
        "failUrl": "http://shop/no",
    }
    assert httpx.get(f"{toss.url}/checkout", params=query | change).status_code == status


def test_a_buyer_who_cancels_comes_back_without_a_payment(toss, api):
    answer = toss.choose("cancel", "order-1")
    assert answer.status_code == 302
    assert "code=PAY_PROCESS_CANCELED" in answer.headers["Location"]
    assert "paymentKey" not in answer.headers["Location"]
    assert api.get("/v1/payments/orders/order-1").status_code == 404


def test_one_key_gives_one_answer_errors_too(toss, api):
    payment_key = toss.approve("order-1", "stumble")
    first = confirm(api, payment_key, key="one")
    assert refusal(first) == (400, "PROVIDER_ERROR")
    assert confirm(api, payment_key, key="one") == first
    done = confirm(api, payment_key, key="two")
    assert done[0] == 200
    assert confirm(api, payment_key, key="two") == done
    assert refusal(confirm(api, payment_key, key="three")) == (400, "ALREADY_PROCESSED_PAYMENT")
    assert len(toss.taken()) == 1


def test_another_order_or_amount_takes_nothing(toss, api):
    payment_key = toss.approve("order-1")
    assert refusal(confirm(api, payment_key, amount=1)) == (403, "FORBIDDEN_REQUEST")
    assert refusal(confirm(api, payment_key, orderId="order-2")) == (403, "FORBIDDEN_REQUEST")
    assert refusal(confirm(api, "unknown")) == (404, "NOT_FOUND_PAYMENT")
    assert toss.taken() == []
    assert confirm(api, payment_key)[0] == 200


def test_a_refused_card_aborts_the_payment(toss, api):
    payment_key = toss.approve("order-1", "refuse")
    assert refusal(confirm(api, payment_key)) == (403, "REJECT_CARD_PAYMENT")
    payment = api.get(f"/v1/payments/{payment_key}").json()
    assert (payment["status"], payment["failure"]["code"]) == ("ABORTED", "REJECT_CARD_PAYMENT")


def test_an_approval_does_not_last_for_ever():
    with (
        toss_server(approval_seconds=0) as toss,
        httpx.Client(base_url=toss.url, auth=(SECRET_KEY, "")) as api,
    ):
        payment_key = toss.approve("order-1")
        assert refusal(confirm(api, payment_key)) == (404, "NOT_FOUND_PAYMENT_SESSION")
        assert api.get(f"/v1/payments/{payment_key}").json()["status"] == "EXPIRED"


def test_money_goes_back_once(toss, api):
    payment_key = toss.approve("order-1")
    path = f"/v1/payments/{payment_key}/cancel"
    assert refusal(answered(api.post(path, json={"cancelReason": "x"}))) == (
        403,
        "NOT_CANCELABLE_PAYMENT",
    )
    confirm(api, payment_key)
    assert refusal(answered(api.post(path, json={}))) == (400, "INVALID_REQUEST")
    status, payment = answered(api.post(path, json={"cancelReason": "x"}))
    assert (status, payment["status"], payment["balanceAmount"]) == (200, "CANCELED", 0)
    assert refusal(answered(api.post(path, json={"cancelReason": "x"}))) == (
        400,
        "ALREADY_CANCELED_PAYMENT",
    )
    assert [status for _, status, _ in toss.taken()] == ["DONE", "CANCELED"]


def answered(answer):
    return answer.status_code, answer.json()


def test_the_books_are_read_page_by_page(toss, api):
    for number in range(5):
        order_id = f"order-{number}"
        confirm(api, toss.approve(order_id), orderId=order_id)
    query = {"startDate": "2020-01-01T00:00:00", "endDate": "2100-01-01T00:00:00", "limit": "3"}
    first = api.get("/v1/transactions", params=query).json()
    rest = api.get(
        "/v1/transactions", params=query | {"startingAfter": first[-1]["transactionKey"]}
    ).json()
    assert [line["orderId"] for line in first + rest] == [f"order-{n}" for n in range(5)]
    assert api.get("/v1/transactions", params=query | {"endDate": "2020-01-02"}).json() == []


@pytest.mark.parametrize("secret", ["", "another", SECRET_KEY + "x"])
def test_a_wrong_key_learns_nothing(toss, secret):
    payment_key = toss.approve("order-1")
    with httpx.Client(base_url=toss.url, auth=(secret, "")) as stranger:
        for path in (f"/v1/payments/{payment_key}", "/v1/payments/orders/order-1"):
            assert refusal(answered(stranger.get(path))) == (401, "UNAUTHORIZED_KEY")
        assert refusal(answered(stranger.get("/v1/transactions"))) == (401, "UNAUTHORIZED_KEY")
        assert refusal(confirm(stranger, payment_key)) == (401, "UNAUTHORIZED_KEY")
    assert toss.taken() == []


@pytest.mark.parametrize("keys", [{"secret_key": "live_sk_1"}, {"client_key": "live_ck_1"}])
def test_live_keys_are_refused(keys):
    with pytest.raises(ValueError, match="live"):
        create_app(**keys)


def test_the_webhook_is_called_again_until_it_answers():
    shop, heard, lock = Flask("shop"), [], threading.Lock()

    @shop.post("/hook")
    def hear():
        with lock:
            heard.append(request.get_json())
            return ("", 200) if len(heard) > 2 else ("", 503)

    with (
        served(shop) as url,
        toss_server(webhook=f"{url}/hook", retry_seconds=(0.0, 0.0)) as toss,
    ):
        toss.approve("order-1", "vanish")
        wait_for(lambda: len(heard) == 3, "the webhook to be heard")
    assert {each["eventType"] for each in heard} == {"PAYMENT_STATUS_CHANGED"}
    assert {(each["data"]["orderId"], each["data"]["status"]) for each in heard} == {
        ("order-1", "IN_PROGRESS")
    }
