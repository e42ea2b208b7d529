"""From the order of a package over the provider's page to tokens, on the running product."""

from tests.stack_fixtures import told_to
from tests.waiting import wait_for


def test_a_buyer_pays_comes_back_and_has_tokens(stack, person):
    buyer = person()
    order_id, back = buyer.pay("pay")
    assert f"/wallet?order={order_id}&status=paid" in str(back.url)
    assert buyer.balance()["token_balance"] == 200
    # The provider's own word of it arrives as well, and changes nothing.
    assert told_to(stack, buyer) == {"payment_complete": 1}


def test_a_buyer_who_never_comes_back_has_tokens_by_the_webhook_alone(stack, person):
    buyer = person()
    order_id, _ = buyer.pay("vanish")
    wait_for(
        lambda: buyer.get(f"/tokens/purchases/{order_id}")["status"] == "paid",
        "the webhook to be heard",
        seconds=60,
    )
    assert buyer.balance()["token_balance"] == 200


def test_a_web_process_that_dies_after_the_providers_yes_gives_the_tokens_all_the_same(
    stack, person
):
    buyer = person()
    status = "SELECT status FROM purchases WHERE order_id = :id"
    with stack.web.dies_at("after_payment"):
        order_id, _ = buyer.pay("vanish")
    wait_for(
        lambda: stack.value(status, id=order_id) == "paid",
        "the webhook to be heard again",
        seconds=60,
    )
    assert buyer.balance()["token_balance"] == 200
    assert told_to(stack, buyer) == {"payment_complete": 1}
