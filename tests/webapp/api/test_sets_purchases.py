import pytest

from tests import making
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import User
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import notifications, sets_purchases

CREDITS, PLAN = "/api/v1/sets/credits/purchase", "/api/v1/sets/plan/purchase"


def test_what_is_sold_is_listed_for_everybody(client):
    listed = client.get("/api/v1/sets/packages").json["data"]["results"]
    shown = [(each["package_id"], each["total_price"], each["pro_days"]) for each in listed]
    assert shown == [
        ("credits_100", 1_300, 0),
        ("credits_500", 5_500, 0),
        ("credits_1000", 9_900, 0),
        ("pro_month", 6_900, 30),
    ]


@pytest.mark.parametrize(
    "path, body, product, amount",
    [
        (CREDITS, {"package_id": "credits_500"}, "sets_credits", 500),
        (PLAN, {}, "sets_pro", 200),
        (PLAN, {"package_id": "pro_month"}, "sets_pro", 200),
    ],
)
def test_an_order_is_paid_on_the_providers_page(buyer_client, path, body, product, amount):
    answer = buyer_client.post(path, json=body | {"total_price": 1})
    assert answer.status_code == 201
    order = answer.json["data"]
    assert (order["product"], order["amount_credits"]) == (product, amount)
    assert (order["amount_tokens"], order["price_per_token"]) == (0, 0)
    assert order["payment_url"].endswith(f"/wallet/purchases/{order['order_id']}/pay")
    shown = buyer_client.get(answer.headers["Location"]).json["data"]
    assert (shown["status"], shown["product"]) == ("pending", product)
    (listed,) = buyer_client.get("/api/v1/tokens/purchases").json["data"]["results"]
    assert listed["amount_credits"] == amount


def test_the_same_key_is_one_order(buyer_client):
    key = {"Idempotency-Key": "order-0001"}
    orders = [buyer_client.post(PLAN, json={}, headers=key) for _ in range(2)]
    assert orders[0].json["data"] == orders[1].json["data"]
    assert orders[1].headers["Idempotent-Replayed"] == "true"


def test_only_a_person_buys_and_only_what_is_sold_there(sets_client, buyer_client):
    assert error_code(sets_client.post(PLAN, json={})) == "UNAUTHORIZED"
    for path, package_id in ((CREDITS, "pro_month"), (CREDITS, "basic_100"), (PLAN, "x")):
        answer = buyer_client.post(path, json={"package_id": package_id})
        assert (answer.status_code, error_code(answer)) == (400, "INVALID_PACKAGE")


@pytest.fixture
def order(session, buyer):
    """A paid order of a month of pro, as the provider's word has made it."""
    made = sets_purchases.order_plan(session, user=buyer, package_id="pro_month")
    session.commit()
    return made


@pytest.mark.parametrize(
    "language, goods",
    [
        ("en", "Sets Pro, one month with 200 credits"),
        ("ko", "세트 프로 1개월, 크레딧 200개 포함"),
    ],
)
def test_the_pages_say_what_was_bought(
    buyer_client, admin_client, order, buyer, session, language, goods
):
    words = {"Accept-Language": language}
    pages = [
        (buyer_client, "/wallet"),
        (buyer_client, f"/wallet/purchases/{order.order_id}/pay"),
        (admin_client, f"/admin/payments/{order.order_id}"),
        (admin_client, f"/admin/users/{buyer.id}"),
    ]
    for client, path in pages:
        assert goods in client.get(path, headers=words).text, path


@pytest.mark.parametrize(
    "language, news", [("en", "Your credits have been added."), ("ko", "크레딧이 지급되었습니다.")]
)
def test_a_paid_order_of_credits_speaks_of_credits(buyer_client, session, buyer, language, news):
    order = sets_purchases.order_credits(session, user=buyer, package_id="credits_100")
    order.status, order.payment_key = "paid", "key"
    order.approved_at = making.jobs.NOW
    session.commit()
    page = buyer_client.get(
        f"/wallet?order={order.order_id}", headers={"Accept-Language": language}
    )
    assert news in page.text


def test_the_wallets_form_orders_what_sets_sells(buyer_client, session, buyer):
    form = {"csrf_token": buyer_client.csrf_token, "package_id": "credits_100"}
    answer = buyer_client.post("/wallet/purchases", data=form)
    assert answer.status_code == 303
    order_id = answer.headers["Location"].split("/")[-2]
    shown = buyer_client.get(f"/api/v1/tokens/purchases/{order_id}").json["data"]
    assert (shown["package_id"], shown["product"]) == ("credits_100", "sets_credits")
    assert session.get(User, buyer.id)


def test_an_administrator_sees_what_a_refund_of_credits_does(admin_client, session, buyer, order):
    order.status, order.payment_key, order.approved_at = "paid", "key", making.jobs.NOW
    session.commit()
    page = admin_client.get(f"/admin/refund?order_id={order.order_id}").text
    assert "There are not enough credits left to refund." in page
    making.sets_account(session, user=buyer, balance=250)
    session.commit()
    page = admin_client.get(f"/admin/refund?order_id={order.order_id}").text
    assert ": Sets Pro, one month with 200 credits. Credits after that: 50." in page


@pytest.mark.parametrize(
    "language, package_id, told",
    [
        ("en", "credits_100", "Your payment is complete: 100 credits for Sets."),
        ("ko", "credits_100", "결제가 완료되었습니다: 세트 크레딧 100개."),
        (
            "en",
            "pro_month",
            "Your payment is complete: Sets Pro for one month, with 200 credits.",
        ),
    ],
)
def test_the_notification_says_what_was_paid(
    buyer_client, session, buyer, language, package_id, told
):
    order = sets_purchases.order_any(session, user=buyer, package_id=package_id)
    notifications.notify(
        session,
        buyer.id,
        NotificationType.PAYMENT_COMPLETE,
        target_type="purchase",
        target_id=order.id,
        details={"product": order.product},
    )
    session.commit()
    answer = buyer_client.get("/api/v1/notifications", headers={"Accept-Language": language})
    assert answer.json["data"]["results"][0]["message"] == told


def test_an_administrator_refunds_credits_through_the_api(real_app, committed, toss):
    real_app.extensions["payments"] = toss.provider
    with committed.begin() as session:
        person = making.user(session)
        order = sets_purchases.order_plan(session, user=person, package_id="pro_month")
        admin = making.user(session, role="admin")
    with committed() as session:
        client, buyer = (signed_in_client(real_app, session, each) for each in (admin, person))
    key = toss.approve(order.order_id, amount=order.total_price)
    paid = {"payment_key": key, "amount": order.total_price}
    confirmed = buyer.post(f"/api/v1/tokens/purchases/{order.order_id}/confirm", json=paid)
    assert confirmed.json["data"]["status"] == "paid"
    mine = buyer.get("/api/v1/sets/me").json["data"]
    assert (mine["plan"], mine["credits"], mine["watermark"]) == ("pro", 210, False)
    refunded = client.post(
        "/api/v1/admin/refunds", json={"order_id": order.order_id, "reason": "Asked for."}
    )
    assert refunded.status_code == 201, refunded.text
    assert (refunded.json["data"]["unit"], refunded.json["data"]["amount"]) == ("credit", 200)
    mine = buyer.get("/api/v1/sets/me").json["data"]
    assert (mine["plan"], mine["credits"], mine["watermark"]) == ("free", 10, True)
