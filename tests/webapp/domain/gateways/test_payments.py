import threading
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, request

from tests.serving import served
from tests.toss import SECRET_KEY
from webapp.domain.gateways import payments as gateway
from webapp.domain.gateways.payments import (
    PaymentRefused,
    PaymentStatus,
    PaymentsUnavailable,
    TossPayments,
    configured_payments,
)
from webapp.domain.settings import Settings

ASKED = {"order_id": "order-1", "amount": 10_000}


@pytest.fixture
def provider(toss):
    return toss.provider


def test_a_payment_is_confirmed_looked_up_and_canceled(toss, provider):
    payment_key = toss.approve("order-1")
    approved = provider.payment(payment_key)
    assert (approved.status, approved.approved_at, approved.receipt_url) == (
        PaymentStatus.IN_PROGRESS,
        None,
        None,
    )
    done = provider.confirm(payment_key=payment_key, idempotency_key="one", **ASKED)
    assert (done.status, done.order_id, done.total_amount, done.currency) == (
        PaymentStatus.DONE,
        "order-1",
        10_000,
        "KRW",
    )
    assert done.receipt_url == f"{toss.url}/receipt/{payment_key}"
    assert abs(done.approved_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert provider.payment_of_order("order-1") == done
    canceled = provider.cancel(payment_key=payment_key, reason="x", idempotency_key="two")
    assert canceled.status is PaymentStatus.CANCELED


def test_what_does_not_exist_is_none_and_never_becomes_another_path(provider):
    assert provider.payment("unknown") is None
    assert provider.payment("../transactions") is None
    assert provider.payment("") is None
    assert provider.payment_of_order("unknown") is None


def test_a_refusal_says_the_providers_code(toss, provider):
    with pytest.raises(PaymentRefused) as refused:
        provider.confirm(payment_key="unknown", idempotency_key="one", **ASKED)
    assert refused.value.code == "NOT_FOUND_PAYMENT"
    assert refused.value.message


def test_a_refusal_is_replayed_under_its_key_and_asked_anew_under_another(toss, provider):
    payment_key = toss.approve("order-1", "stumble")
    for _ in range(2):
        with pytest.raises(PaymentRefused, match="PROVIDER_ERROR"):
            provider.confirm(payment_key=payment_key, idempotency_key="one", **ASKED)
    done = provider.confirm(payment_key=payment_key, idempotency_key="two", **ASKED)
    assert done.status is PaymentStatus.DONE


def test_a_wrong_key_of_ours_says_nothing_about_the_payment(toss):
    payment_key = toss.approve("order-1")
    stranger = TossPayments(base_url=toss.url, secret_key="test_sk_other")
    with pytest.raises(PaymentsUnavailable, match="UNAUTHORIZED_KEY"):
        stranger.payment(payment_key)
    with pytest.raises(PaymentsUnavailable, match="UNAUTHORIZED_KEY"):
        stranger.confirm(payment_key=payment_key, idempotency_key="one", **ASKED)


def test_the_books_are_read_to_their_end(toss, provider, monkeypatch):
    monkeypatch.setattr(gateway, "PAGE", 2)
    for number in range(5):
        order_id = f"order-{number}"
        provider.confirm(
            payment_key=toss.approve(order_id),
            order_id=order_id,
            amount=10_000,
            idempotency_key=order_id,
        )
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    lines = list(provider.transactions(now - hour, now + hour))
    assert [line.order_id for line in lines] == [f"order-{n}" for n in range(5)]
    assert {(line.status, line.amount) for line in lines} == {(PaymentStatus.DONE, 10_000)}
    assert list(provider.transactions(now + hour, now + 2 * hour)) == []


@pytest.fixture
def answering():
    """A provider that gives these answers, one after another; tells how often it was asked."""
    made = []

    def start(*answers):
        app, waiting, lock = Flask("broken"), list(answers), threading.Lock()
        asked = []

        @app.route("/<path:_path>", methods=["GET", "POST"])
        def answer(_path):
            with lock:
                asked.append(request.headers.get("Idempotency-Key"))
                return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        server = served(app)
        made.append(server)
        return TossPayments(base_url=server.__enter__(), secret_key=SECRET_KEY), asked

    yield start
    for server in made:
        server.__exit__(None, None, None)


DONE = {
    "paymentKey": "key",
    "orderId": "order-1",
    "status": "DONE",
    "totalAmount": 10_000,
    "currency": "KRW",
    "approvedAt": "2026-01-15T21:00:00+09:00",
    "receipt": None,
    "somethingNew": {"we": "ignore"},
}


def test_an_answer_with_more_in_it_than_we_know_is_understood(answering):
    provider, _ = answering(DONE)
    found = provider.payment("key")
    assert (found.status, found.receipt_url) == (PaymentStatus.DONE, None)
    assert found.approved_at == datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_a_command_still_running_is_asked_for_again_under_the_same_key(answering):
    running = ({"code": "IDEMPOTENT_REQUEST_PROCESSING", "message": ""}, 409)
    provider, asked = answering(running, running, DONE)
    assert provider.confirm(payment_key="key", idempotency_key="one", **ASKED).status == "DONE"
    assert asked == ["one"] * 3


@pytest.mark.parametrize(
    "answer",
    [
        ("<html>Bad gateway</html>", 502),
        ({"code": "FAILED_INTERNAL_SYSTEM_PROCESSING", "message": ""}, 500),
        ({"message": "nothing else"}, 404),
        {"paymentKey": "key"},
        DONE | {"status": "SOMETHING_NEW"},
        DONE | {"totalAmount": "much"},
        ["not", "a", "payment"],
    ],
)
def test_what_is_no_clear_answer_is_no_answer(answering, answer):
    provider, _ = answering(answer)
    with pytest.raises(PaymentsUnavailable):
        provider.payment("key")


def test_a_failed_command_is_a_refusal_since_its_key_would_only_replay_it(answering):
    provider, asked = answering(({"code": "FAILED_INTERNAL_SYSTEM_PROCESSING", "message": ""}, 500))
    with pytest.raises(PaymentRefused, match="FAILED_INTERNAL_SYSTEM_PROCESSING"):
        provider.confirm(payment_key="key", idempotency_key="one", **ASKED)
    assert asked == ["one"]


def test_a_provider_that_is_away_is_unavailable():
    nobody = TossPayments(base_url="http://127.0.0.1:1", secret_key=SECRET_KEY)
    with pytest.raises(PaymentsUnavailable, match="ConnectError"):
        nobody.payment("key")


def test_without_a_sandbox_the_provider_is_toss_itself(environment):
    settings = Settings.from_environment()
    real = configured_payments(settings)
    assert str(real._http.base_url) == "https://api.tosspayments.com"
    sandbox = configured_payments(settings.model_copy(update={"toss_base_url": "http://x:1"}))
    assert str(sandbox._http.base_url) == "http://x:1"
