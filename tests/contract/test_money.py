"""docs/api.md over HTTP: packages, redirects and webhooks, amounts, the ledger."""

import pytest

from tests.contract.conftest import refused

WEBHOOK = "/api/v1/webhooks/toss/payment"


@pytest.fixture
def buyer(person):
    return person()


def rows(buyer, kind):
    return [row["amount"] for row in buyer.get("/tokens/transactions", type=kind)["results"]]


def test_11_a_price_is_never_taken_from_a_client(buyer):
    forged = {"package_id": "basic_100", "total_price": 1, "amount_tokens": 9999}
    order = buyer.post("/tokens/purchase", json=forged)
    assert (order["total_price"], order["amount_tokens"]) == (10_000, 100)
    assert (order["currency_code"], order["status"]) == ("KRW", "pending")
    unknown = buyer.send("POST", "/tokens/purchase", json={"package_id": "x"})
    assert refused(unknown) == (400, "INVALID_PACKAGE")


def test_12_redirects_and_webhooks_together_give_the_tokens_once(buyer, nobody):
    order_id, landed = buyer.pay("pay")
    back = next(answer for answer in landed.history if "paymentKey" in str(answer.url))
    payment_key = back.url.params["paymentKey"]
    told = {"orderId": order_id, "paymentKey": payment_key, "status": "DONE"}
    answers = [
        buyer.http.get(back.url),
        nobody.post(WEBHOOK, json=told),
        buyer.http.get(back.url),
        nobody.post(WEBHOOK, json=told),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert buyer.balance()["token_balance"] == 200
    assert rows(buyer, "purchase") == [100]
    told = [row["type"] for row in buyer.get("/notifications")["results"]]
    assert told == ["payment_complete"]


def test_13_another_amount_is_refused_and_gives_nothing(buyer):
    order = buyer.post("/tokens/purchase", json={"package_id": "basic_100"})
    answer = buyer.send(
        "POST",
        f"/tokens/purchases/{order['order_id']}/confirm",
        json={"payment_key": "forged-payment-key", "amount": 9_000},
    )
    assert refused(answer) == (402, "PAYMENT_FAILED")
    assert buyer.balance()["token_balance"] == 100


def test_14_signed_rows_add_up_to_the_balance(buyer, trained, worker):
    buyer.pay("pay")
    delivered, canceled, waiting = (
        buyer.order(trained["id"]).json()["data"]["id"] for _ in range(3)
    )
    buyer.post(f"/generations/{canceled}/cancel")
    worker.render(delivered)
    buyer.final(delivered)
    signs = {"in": 1, "out": -1}
    moves = buyer.get("/tokens/transactions")["results"]
    total = sum(
        signs[row["direction"]] * row["amount"] for row in moves if row["type"] != "earning"
    )
    balance = buyer.balance()
    assert total == balance["token_balance"] == 180
    assert balance["escrowed_tokens"] == 10
    assert buyer.get(f"/generations/{waiting}")["refunded"] is False
