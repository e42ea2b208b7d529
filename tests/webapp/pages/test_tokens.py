from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests import making
from tests.toss import toss_server
from tests.webapp.conftest import make_app, signed_in_client
from tests.webapp.pages.reading import Page
from webapp.domain.models.payment import PurchaseStatus
from webapp.domain.settings import settings
from webapp.pages import words


@pytest.fixture(scope="module")
def toss():
    with toss_server() as running:
        yield running


@pytest.fixture
def app(bind, storage, monkeypatch, toss):
    yield bind(make_app(monkeypatch, TOSS_BASE_URL=toss.url))
    settings.cache_clear()


def buy(client, package_id="basic_100"):
    """Press a buy button; return the address of the page to pay at."""
    token = Page(client.get("/tokens")).all("input", name="csrf_token")[0]["value"]
    client.csrf_token = None
    answer = client.post("/tokens/purchase", data={"csrf_token": token, "package_id": package_id})
    assert answer.status_code == 303
    return answer.headers["Location"]


def checkout(page):
    [link] = [each for each in page.links() if "/checkout?" in each]
    return link


def choose(link, decision):
    """Press a button at the provider; return the local address it sends the browser to."""
    answer = httpx.post(link, data=dict(parse_qsl(urlsplit(link).query)) | {"decision": decision})
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}"


def test_what_one_has_and_can_buy_stands_there(buyer_client):
    page = Page(buyer_client.get("/tokens"))
    for text in ("You can spend 100", "100 tokens", "₩10,000", "₩80 each · 20 % less"):
        assert text in page.text
    buttons = [each["value"] for each in page.all("button", name="package_id")]
    assert buttons == ["basic_100", "standard_500", "premium_1000"]
    assert "You have bought nothing yet." in page.text
    assert "/tokens" in Page(buyer_client.get("/")).links()


def test_a_person_buys_and_is_thanked(buyer_client):
    pay = Page(buyer_client.get(buy(buyer_client)))
    assert "₩10,000" in pay.text
    assert pay.own_code() == []
    assert pay.all("script", defer="") == []
    back = buyer_client.get(choose(checkout(pay), "pay"))
    page = Page(buyer_client.get(back.headers["Location"]))
    assert "Thank you. Your tokens are here." in page.text
    assert "You can spend 200" in page.text
    assert any("/receipt/" in link for link in page.links())
    assert page.own_code() == []


@pytest.mark.parametrize(
    "decision, news",
    [
        ("cancel", "The payment did not work."),
        ("refuse", "The payment did not work."),
        ("expire", "The order ran out before it was paid."),
        ("stumble", "Thank you. Your tokens are here."),
    ],
)
def test_every_end_is_told(buyer_client, decision, news):
    pay = Page(buyer_client.get(buy(buyer_client)))
    back = buyer_client.get(choose(checkout(pay), decision))
    page = Page(buyer_client.get(back.headers["Location"]))
    assert news in page.text


def test_the_address_is_not_believed(buyer_client, sign_in, session):
    order_id = buy(buyer_client).split("/")[-2]
    page = Page(buyer_client.get(f"/tokens?order={order_id}&status=paid"))
    assert "This order has not been paid." in page.text
    assert f"http://localhost:8000/tokens/purchase/{order_id}/pay" in page.links()
    stranger = sign_in(making.user(session))
    for query in (f"order={order_id}&status=paid", "order=%00", "status=paid"):
        assert Page(stranger.get(f"/tokens?{query}")).all("div", role="status") == []


def test_an_order_that_is_not_open_is_not_paid_again(buyer_client):
    address = buy(buyer_client)
    buyer_client.get(choose(checkout(Page(buyer_client.get(address))), "cancel"))
    answer = buyer_client.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/tokens?order=")


def test_only_its_buyer_pays_an_order(buyer_client, client, sign_in, session):
    address = buy(buyer_client)
    assert client.get(address).headers["Location"].startswith("/login?next=/tokens/purchase/")
    assert client.get("/tokens").headers["Location"] == "/login?next=/tokens"
    assert sign_in(making.user(session)).get(address).status_code == 404


def test_another_site_cannot_order_and_nonsense_is_not_sold(buyer_client):
    assert buyer_client.post("/tokens/purchase", data={"package_id": "x"}).status_code == 400
    buyer_client.csrf_token = None
    answer = buyer_client.post("/tokens/purchase", data={"package_id": "basic_100"})
    assert answer.status_code == 403
    assert "You have bought nothing yet." in Page(buyer_client.get("/tokens")).text


def test_the_real_provider_is_opened_by_its_script_on_this_page_alone(
    bind, storage, monkeypatch, session, buyer
):
    monkeypatch.delenv("TOSS_BASE_URL", raising=False)
    client = signed_in_client(bind(make_app(monkeypatch)), session, buyer)
    answer = client.get(buy(client))
    page = Page(answer)
    assert page.all("script", src="https://js.tosspayments.com/v2/standard")
    assert page.own_code() == []
    [button] = page.all("button", id="pay")
    assert button["data-clientkey"] == "test_ck_of_the_tests"
    assert button["data-amount"] == "10000"
    assert button["data-successurl"].endswith("/api/v1/tokens/purchase/success")
    assert "test_sk" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self' https://*.tosspayments.com;" in policy
    assert "unsafe" not in policy
    assert "tosspayments" not in client.get("/tokens").headers["Content-Security-Policy"]


def test_the_sandbox_needs_no_exception(buyer_client):
    answer = buyer_client.get(buy(buyer_client))
    assert "tosspayments" not in answer.headers["Content-Security-Policy"]


def test_every_state_has_words():
    assert words.PURCHASE_STATES.keys() == words.PURCHASE_NEWS.keys() == set(PurchaseStatus)


def test_korean_readers_read_korean(buyer_client):
    page = Page(buyer_client.get("/tokens", headers={"Accept-Language": "ko"}))
    assert "토큰 구매" in page.text
    assert "20% 할인" in page.text
