from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from tests import making
from tests.database import at_once
from tests.toss import toss_server
from tests.webapp.conftest import error_code, make_app, signed_in_client
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.notification import Notification
from webapp.domain.models.payment import Purchase
from webapp.domain.services.purchases import LIFETIME
from webapp.domain.settings import settings

TOKENS = "/api/v1/tokens"
WEBHOOK = "/api/v1/webhooks/toss/payment"
ORDER = {
    "order_id",
    "status",
    "payment_url",
    "package_id",
    "product",
    "amount_credits",
    "amount_tokens",
    "price_per_token",
    "total_price",
    "currency_code",
    "expires_at",
}
LISTED_ORDER = ORDER | {
    "created_at",
    "receipt_url",
    "is_refundable",
    "is_refunding",
    "refund_requested_at",
    "refund_declined_at",
    "refund_decline_note",
}


@pytest.fixture(scope="module")
def toss():
    with toss_server() as running:
        yield running


@pytest.fixture
def app(bind, storage, shared_apps, monkeypatch, toss):
    yield bind(shared_apps.get(monkeypatch, TOSS_BASE_URL=toss.url))
    settings.cache_clear()


@pytest.fixture
def stranger_client(session, sign_in):
    return sign_in(making.user(session))


def order(client, package_id="basic_100", **changes):
    answer = client.post(f"{TOKENS}/purchase", json={"package_id": package_id} | changes)
    assert answer.status_code == 201
    return answer.json["data"]


def confirm(client, order_id, payment_key, amount=10_000):
    return client.post(
        f"{TOKENS}/purchases/{order_id}/confirm",
        json={"payment_key": payment_key, "amount": amount},
    )


def come_back(client, order_id, payment_key, amount=10_000):
    """The success redirect; return where the browser goes, as (path, query)."""
    query = urlencode(
        {
            "paymentType": "NORMAL",
            "orderId": order_id,
            "paymentKey": payment_key,
            "amount": amount,
        }
    )
    return target(client.get(f"{TOKENS}/purchase/success?{query}"))


def target(answer):
    assert answer.status_code == 302
    parts = urlsplit(answer.headers["Location"])
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


def wallet(order_id, status):
    return "/tokens", {"order": order_id, "status": status}


@pytest.mark.parametrize(
    "networks, address, status",
    [
        ("[]", "198.51.100.7", 404),
        ('["203.0.113.0/24"]', "203.0.113.9", 404),
        ('["203.0.113.0/24"]', "198.51.100.7", 403),
    ],
)
def test_the_provider_calls_from_the_networks_of_the_list_or_from_anywhere_without_one(
    bind, storage, monkeypatch, networks, address, status
):
    app = bind(make_app(monkeypatch, TOSS_NETWORKS=networks))
    answer = app.test_client().post(
        WEBHOOK,
        json={"orderId": "P_unknown", "paymentKey": "key"},
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == status
    assert error_code(answer) == ("NOT_FOUND" if status == 404 else "CALLBACK_UNAUTHORIZED")


def hear(client, order_id, payment_key, **more):
    return client.post(WEBHOOK, json={"orderId": order_id, "paymentKey": payment_key} | more)


def balance(client):
    return client.get(f"{TOKENS}/balance").json["data"]["token_balance"]


def rows(client, query="type=purchase"):
    return client.get(f"{TOKENS}/transactions?{query}").json["data"]["results"]


def shown(client, order_id):
    return client.get(f"{TOKENS}/purchases/{order_id}").json["data"]


# ── ordering ─────────────────────────────────────────────────────────────────────────────────────


def test_an_order_has_the_servers_price_whatever_the_client_says(buyer_client):
    answer = buyer_client.post(
        f"{TOKENS}/purchase",
        json={"package_id": "basic_100", "total_price": 1, "amount_tokens": 10**6, "user_id": 1},
    )
    assert answer.status_code == 201
    made = answer.json["data"]
    assert set(made) == ORDER
    assert answer.headers["Location"] == f"{TOKENS}/purchases/{made['order_id']}"
    expected = {
        "status": "pending",
        "package_id": "basic_100",
        "product": "tokens",
        "amount_tokens": 100,
        "amount_credits": 0,
        "price_per_token": 100,
        "total_price": 10_000,
        "currency_code": "KRW",
        "payment_url": f"http://localhost:8000/wallet/purchases/{made['order_id']}/pay",
    }
    assert {name: made[name] for name in expected} == expected
    assert made["expires_at"].endswith("Z")
    assert balance(buyer_client) == 100


def test_orders_live_half_an_hour(buyer_client, session):
    order(buyer_client)
    lives = session.scalar(select(Purchase.expires_at - Purchase.created_at))
    assert abs(lives - LIFETIME).total_seconds() < 5


@pytest.mark.parametrize("package_id", ["x", "", "BASIC_100", "basic_100\0"])
def test_what_is_not_offered_cannot_be_ordered(buyer_client, package_id):
    answer = buyer_client.post(f"{TOKENS}/purchase", json={"package_id": package_id})
    assert (answer.status_code, error_code(answer)) == (400, "INVALID_PACKAGE")
    assert answer.json["error"]["details"] == {
        "package_id": package_id,
        "available": ["basic_100", "standard_500", "premium_1000"],
    }


@pytest.mark.parametrize("body", [{}, {"package_id": 7}, {"package_id": None}])
def test_an_order_names_its_package(buyer_client, body):
    answer = buyer_client.post(f"{TOKENS}/purchase", json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert set(answer.json["error"]["details"]["fields"]) == {"package_id"}


def test_the_same_key_orders_once(buyer_client, session):
    def post(package_id):
        return buyer_client.post(
            f"{TOKENS}/purchase",
            json={"package_id": package_id},
            headers={"Idempotency-Key": "purchase-1"},
        )

    first, again = post("basic_100"), post("basic_100")
    assert again.json["data"] == first.json["data"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = post("standard_500")
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_CONFLICT")
    assert session.scalar(select(func.count()).select_from(Purchase)) == 1


# ── paying ───────────────────────────────────────────────────────────────────────────────────────


def test_redirect_and_webhook_twice_each_credit_once_and_tell_once(
    buyer_client, client, session, toss
):
    order_id = order(buyer_client)["order_id"]
    payment_key = toss.approve(order_id)
    for _ in range(2):
        assert come_back(buyer_client, order_id, payment_key) == wallet(order_id, "paid")
        answer = hear(client, order_id, payment_key, status="DONE", totalAmount=10_000)
        assert (answer.status_code, answer.json["data"]) == (200, {"applied": False})
    assert balance(buyer_client) == 200
    [row] = rows(buyer_client)
    assert (row["type"], row["direction"], row["amount"], row["unit"], row["status"]) == (
        "purchase",
        "in",
        100,
        "token",
        "completed",
    )
    assert (row["order_id"], row["balance_after"], row["memo"]) == (order_id, 200, "Tokens bought")
    told = buyer_client.get("/api/v1/notifications").json["data"]["results"]
    [notice] = [each for each in told if each["type"] == "payment_complete"]
    assert (notice["target_type"], notice["target"]["title"]) == ("purchase", "100")
    assert notice["message"] == "Your payment is complete: 100 tokens."
    everything = rows(buyer_client, "")
    signed = sum(
        each["amount"] if each["direction"] == "in" else -each["amount"] for each in everything
    )
    assert signed == balance(buyer_client)
    assert making.violations(session) == []


def test_a_webhook_alone_pays_too_wrapped_as_the_provider_wraps_it(buyer_client, client, toss):
    order_id = order(buyer_client)["order_id"]
    payment_key = toss.approve(order_id, "vanish")
    event = {
        "eventType": "PAYMENT_STATUS_CHANGED",
        "createdAt": "2026-01-15T12:00:00.000",
        "data": {"orderId": order_id, "paymentKey": payment_key, "status": "IN_PROGRESS"},
    }
    for applied in (True, False):
        answer = client.post(WEBHOOK, json=event)
        assert (answer.status_code, answer.json["data"]) == (200, {"applied": applied})
    assert balance(buyer_client) == 200
    assert come_back(buyer_client, order_id, payment_key) == wallet(order_id, "paid")
    assert balance(buyer_client) == 200


def test_confirming_twice_gives_the_same_answer(buyer_client, toss):
    order_id = order(buyer_client)["order_id"]
    payment_key = toss.approve(order_id)
    first = confirm(buyer_client, order_id, payment_key)
    assert first.status_code == 200
    paid = first.json["data"]
    assert set(paid) == LISTED_ORDER | {"approved_at", "failure"}
    assert (paid["status"], paid["payment_url"], paid["failure"]) == ("paid", None, None)
    assert paid["approved_at"].endswith("Z")
    assert paid["receipt_url"].startswith(toss.url)
    assert confirm(buyer_client, order_id, payment_key).json["data"] == paid
    assert shown(buyer_client, order_id) == paid
    assert balance(buyer_client) == 200


def test_another_amount_fails_and_changes_nothing(buyer_client, toss):
    order_id = order(buyer_client)["order_id"]
    payment_key = toss.approve(order_id)
    answer = confirm(buyer_client, order_id, payment_key, amount=100)
    assert (answer.status_code, error_code(answer)) == (402, "PAYMENT_FAILED")
    assert answer.json["error"]["details"] == {"order_id": order_id, "reason": "PAYMENT_MISMATCH"}
    assert come_back(buyer_client, order_id, payment_key, 100) == wallet(order_id, "failed")
    assert (balance(buyer_client), rows(buyer_client)) == (100, [])
    assert confirm(buyer_client, order_id, payment_key).status_code == 200


def test_a_refused_card_is_told_with_its_reason(buyer_client, toss):
    order_id = order(buyer_client)["order_id"]
    payment_key = toss.approve(order_id, "refuse")
    answer = confirm(buyer_client, order_id, payment_key)
    assert (answer.status_code, error_code(answer)) == (402, "PAYMENT_FAILED")
    assert answer.json["error"]["details"]["reason"] == "REJECT_CARD_PAYMENT"
    assert come_back(buyer_client, order_id, payment_key) == wallet(order_id, "failed")
    found = shown(buyer_client, order_id)
    assert (found["status"], found["failure"]["code"]) == ("failed", "REJECT_CARD_PAYMENT")
    assert balance(buyer_client) == 100


def test_an_order_that_ran_out_says_so(buyer_client, session, toss):
    made = order(buyer_client)
    order_id, payment_key = made["order_id"], toss.approve(made["order_id"])
    session.execute(update(Purchase).values(expires_at=func.clock_timestamp()))
    session.commit()
    answer = confirm(buyer_client, order_id, payment_key)
    assert (answer.status_code, error_code(answer)) == (400, "PURCHASE_EXPIRED")
    assert set(answer.json["error"]["details"]) == {"order_id", "expires_at"}
    assert come_back(buyer_client, order_id, payment_key) == wallet(order_id, "expired")


def test_a_provider_that_is_away_is_neither_a_yes_nor_a_no(
    bind, storage, monkeypatch, session, buyer
):
    app = bind(make_app(monkeypatch, TOSS_BASE_URL="http://127.0.0.1:1"))
    client = signed_in_client(app, session, buyer)
    order_id = order(client)["order_id"]
    answer = confirm(client, order_id, "key")
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"]
    assert come_back(client, order_id, "key") == wallet(order_id, "authorized")
    assert shown(client, order_id)["status"] == "authorized"
    assert hear(client, order_id, "key").status_code == 503


def test_a_buyer_who_cancels_comes_back_to_a_failed_order(buyer_client, toss):
    order_id = order(buyer_client)["order_id"]
    back = urlsplit(toss.choose("cancel", order_id).headers["Location"])
    for _ in range(2):
        answer = buyer_client.get(f"{back.path}?{back.query}")
        assert target(answer) == wallet(order_id, "failed")
    assert shown(buyer_client, order_id)["failure"]["code"] == "PAY_PROCESS_CANCELED"


def test_a_failure_may_name_the_order_twice_but_not_two_orders(buyer_client):
    order_id = order(buyer_client)["order_id"]
    path = f"{TOKENS}/purchase/fail?orderId={order_id}&code=C&message=%3Cb%3Eno%00"
    assert buyer_client.get(f"{path}&orderId=P_other").status_code == 422
    assert target(buyer_client.get(f"{path}&orderId={order_id}")) == wallet(order_id, "failed")
    assert shown(buyer_client, order_id)["failure"] == {"code": "C", "message": "<b>no"}


def test_a_failure_told_after_the_payment_takes_nothing_back(buyer_client, toss):
    order_id = order(buyer_client)["order_id"]
    confirm(buyer_client, order_id, toss.approve(order_id))
    answer = buyer_client.get(f"{TOKENS}/purchase/fail?orderId={order_id}&code=C")
    assert target(answer) == wallet(order_id, "paid")
    assert balance(buyer_client) == 200


# ── strangers and forgeries ──────────────────────────────────────────────────────────────────────


def test_somebody_elses_order_is_not_found(buyer_client, stranger_client, toss):
    order_id = order(buyer_client)["order_id"]
    payment_key = toss.approve(order_id)
    query = urlencode({"orderId": order_id, "paymentKey": payment_key, "amount": 10_000})
    answers = [
        stranger_client.get(f"{TOKENS}/purchases/{order_id}"),
        confirm(stranger_client, order_id, payment_key),
        stranger_client.get(f"{TOKENS}/purchase/success?{query}"),
        stranger_client.get(f"{TOKENS}/purchase/fail?{query}"),
    ]
    for answer in answers:
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
        assert answer.json["error"]["details"]["resource"] == "purchase"
    assert shown(buyer_client, order_id)["status"] == "pending"
    assert stranger_client.get(f"{TOKENS}/purchases").json["data"]["results"] == []


def test_nobody_pays_without_signing_in_or_from_another_site(client, buyer_client, toss):
    order_id = order(buyer_client)["order_id"]
    for answer in (
        client.post(f"{TOKENS}/purchase", json={"package_id": "basic_100"}),
        client.get(f"{TOKENS}/purchases"),
        client.get(f"{TOKENS}/purchases/{order_id}"),
        client.get(f"{TOKENS}/purchase/success?orderId={order_id}&paymentKey=k&amount=1"),
        client.get(f"{TOKENS}/purchase/fail?orderId={order_id}"),
        confirm(client, order_id, "key"),
    ):
        assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")
    buyer_client.csrf_token = None
    for answer in (
        buyer_client.post(f"{TOKENS}/purchase", json={"package_id": "basic_100"}),
        confirm(buyer_client, order_id, toss.approve(order_id)),
    ):
        assert (answer.status_code, error_code(answer)) == (403, "CSRF_FAILED")
    assert shown(buyer_client, order_id)["status"] == "pending"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"payment_key": "k"},
        {"amount": 1},
        {"payment_key": "", "amount": 1},
        {"payment_key": "k" * 201, "amount": 1},
        {"payment_key": "k", "amount": -1},
        {"payment_key": "k", "amount": True},
        {"payment_key": "k", "amount": "much"},
        {"payment_key": "k", "amount": 2**63},
    ],
)
def test_a_confirmation_is_complete(buyer_client, body):
    order_id = order(buyer_client)["order_id"]
    answer = buyer_client.post(f"{TOKENS}/purchases/{order_id}/confirm", json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("order_id", ["P_unknown", "x" * 41, "%00", "a.b", "%ED%95%9C"])
def test_an_unknown_order_is_not_found(buyer_client, order_id):
    for answer in (
        buyer_client.get(f"{TOKENS}/purchases/{order_id}"),
        confirm(buyer_client, order_id, "key"),
        buyer_client.get(f"{TOKENS}/purchase/success?orderId={order_id}&paymentKey=k&amount=1"),
    ):
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


def test_a_forged_webhook_is_told_that_the_provider_disagrees(buyer_client, client, toss):
    order_id = order(buyer_client)["order_id"]
    forged = hear(client, order_id, "forged", status="DONE", totalAmount=10_000)
    assert (forged.status_code, error_code(forged)) == (402, "PAYMENT_FAILED")
    cheap = hear(client, order_id, toss.approve(order_id, amount=100), status="DONE")
    assert (cheap.status_code, error_code(cheap)) == (402, "PAYMENT_FAILED")
    unknown = hear(client, "P_unknown", toss.approve(order_id))
    assert (unknown.status_code, error_code(unknown)) == (404, "NOT_FOUND")
    assert shown(buyer_client, order_id)["status"] == "pending"
    assert balance(buyer_client) == 100


@pytest.mark.parametrize("body", [{}, {"orderId": "P_1"}, {"data": {}}, [], "text", {"data": 7}])
def test_a_webhook_that_names_nothing_is_a_wrong_body(client, body):
    answer = client.post(WEBHOOK, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_a_webhook_of_any_size_or_kind_never_breaks_us(client):
    assert client.post(WEBHOOK, data=b"").status_code == 400
    assert client.post(WEBHOOK, data=b"{", content_type="application/json").status_code == 400
    large = client.post(WEBHOOK, data=b"x" * (10 << 20), content_type="application/json")
    assert (large.status_code, error_code(large)) == (413, "PAYLOAD_TOO_LARGE")


# ── lists ────────────────────────────────────────────────────────────────────────────────────────


def test_ones_orders_are_listed_newest_first_by_status_and_page(buyer_client, toss):
    made = [order(buyer_client)["order_id"] for _ in range(5)]
    confirm(buyer_client, made[2], toss.approve(made[2]))
    first = buyer_client.get(f"{TOKENS}/purchases?limit=3").json["data"]
    assert set(first["results"][0]) == LISTED_ORDER
    rest = buyer_client.get(f"{TOKENS}/purchases?cursor={first['next_cursor']}&limit=3")
    found = [each["order_id"] for each in first["results"] + rest.json["data"]["results"]]
    assert found == made[::-1]
    assert rest.json["data"]["has_more"] is False
    paid = buyer_client.get(f"{TOKENS}/purchases?status=paid").json["data"]["results"]
    assert [each["order_id"] for each in paid] == [made[2]]
    moved = buyer_client.get(f"{TOKENS}/purchases?status=paid&cursor={first['next_cursor']}")
    assert error_code(moved) == "VALIDATION_ERROR"


@pytest.mark.parametrize("query", ["status=stolen", "limit=0", "limit=101", "cursor=xyz"])
def test_a_wrong_filter_is_a_wrong_field(buyer_client, query):
    answer = buyer_client.get(f"{TOKENS}/purchases?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


# ── in parallel ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def paying_app(make_real_app, toss):
    """An app whose commits are real."""
    return make_real_app(TOSS_BASE_URL=toss.url)


def test_a_hundred_confirmations_and_webhooks_at_once_credit_once(paying_app, committed, toss):
    with committed() as session:
        person = making.user(session)
        session.commit()
        clients = [signed_in_client(paying_app, session, person) for _ in range(50)]
    order_id = order(clients[0])["order_id"]
    payment_key = toss.approve(order_id)
    calls = [
        call
        for client in clients
        for call in (
            lambda client=client: confirm(client, order_id, payment_key).status_code,
            lambda: hear(paying_app.test_client(), order_id, payment_key).status_code,
        )
    ]
    with capture_logs() as logs:
        assert set(at_once(*calls)) == {200}
    assert [line for line in logs if line["log_level"] in {"error", "warning"}] == []
    assert balance(clients[0]) == 200
    with committed() as session:
        assert making.violations(session) == []
        assert session.scalar(select(func.count()).select_from(Notification)) == 1
        assert session.scalar(select(func.count()).where(Transfer.purchase_id.is_not(None))) == 1
    assert [each for each in toss.taken() if each[0] == order_id] == [(order_id, "DONE", 10_000)]


def test_the_same_key_at_once_orders_once(paying_app, committed):
    with committed() as session:
        person = making.user(session)
        session.commit()
        clients = [signed_in_client(paying_app, session, person) for _ in range(10)]

    def post(client):
        return client.post(
            f"{TOKENS}/purchase",
            json={"package_id": "basic_100"},
            headers={"Idempotency-Key": "purchase-1"},
        ).json["data"]["order_id"]

    assert len(set(at_once(*[lambda client=client: post(client) for client in clients]))) == 1
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 1
