import csv
import io
import json
import secrets
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import text, update

from tests import making
from tests.statements import statements
from tests.toss import toss_server
from tests.webapp.conftest import make_app, signed_in_client
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.payment import PurchaseStatus
from webapp.domain.queries import tokens as token_queries
from webapp.domain.services import generations, ledger
from webapp.domain.settings import settings
from webapp.pages import payment_words, wallet

HTMX = {"HX-Request": "true"}
MOST_STATEMENTS = 11


@pytest.fixture(scope="module")
def toss():
    with toss_server() as running:
        yield running


@pytest.fixture
def app(bind, storage, shared_apps, monkeypatch, toss):
    yield bind(shared_apps.get(monkeypatch, TOSS_BASE_URL=toss.url))
    settings.cache_clear()


def buy(client, package_id="basic_100", **more):
    """Press a buy button; return the address of the page to pay at."""
    token = Page(client.get("/wallet")).all("input", name="csrf_token")[0]["value"]
    client.csrf_token = None
    answer = client.post(
        "/wallet/purchases", data={"csrf_token": token, "package_id": package_id} | more
    )
    assert answer.status_code == 303
    return answer.headers["Location"]


def checkout(page):
    [link] = [each for each in page.links() if "/checkout?" in each]
    return link


def choose(link, decision):
    """Press a button at the provider; return the local address it sends the browser to."""
    choice = dict(parse_qsl(urlsplit(link).query)) | {"decision": decision}
    answer = httpx.post(link, data=choice, timeout=60)
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}"


def test_what_one_has_and_can_buy_stands_there(buyer_client):
    page = Page(buyer_client.get("/wallet"))
    for said in ("Available 100", "100 tokens", "₩10,000", "₩80 each · 20 % off"):
        assert said in page.text
    buttons = [each["value"] for each in page.all("button", name="package_id")]
    assert buttons == ["basic_100", "standard_500", "premium_1000"]
    assert "You have bought nothing yet." in page.text
    assert "/wallet" in Page(buyer_client.get("/")).links()


def test_a_person_buys_and_is_thanked(buyer_client):
    pay = Page(buyer_client.get(buy(buyer_client)))
    assert "₩10,000" in pay.text
    assert "Pay 100 tokens Price ₩10,000" in pay.text  # the heading, and what is paid for
    assert len(pay.all("h1")) == 1
    assert pay.own_code() == []
    assert pay.all("script", defer="") == []
    back = buyer_client.get(choose(checkout(pay), "pay"))
    page = Page(buyer_client.get(back.headers["Location"], follow_redirects=True))
    assert "Thank you. Your tokens have been added." in page.text
    assert "Available 200" in page.text
    assert any("/receipt/" in link for link in page.links())
    assert page.own_code() == []


@pytest.mark.parametrize(
    "decision, news",
    [
        ("cancel", "You canceled the payment. No money was taken."),
        ("refuse", "The payment failed."),
        ("expire", "The payment expired before it was completed."),
        ("stumble", "Thank you. Your tokens have been added."),
    ],
)
def test_every_end_is_told(buyer_client, decision, news):
    pay = Page(buyer_client.get(buy(buyer_client)))
    back = buyer_client.get(choose(checkout(pay), decision))
    page = Page(buyer_client.get(back.headers["Location"], follow_redirects=True))
    assert news in page.text


def alarms(page):
    return [
        each
        for name, each in page.elements
        if {"bad", "failed", "expired"} & set(each.get("class", "").split())
    ]


@pytest.mark.parametrize("decision", ["cancel", "expire"])
def test_a_purchase_that_was_backed_out_is_no_alarm_and_not_listed(buyer_client, decision):
    pay = Page(buyer_client.get(buy(buyer_client)))
    back = buyer_client.get(choose(checkout(pay), decision))
    page = Page(buyer_client.get(back.headers["Location"], follow_redirects=True))
    assert "No money was taken" in page.text
    for shown in (page, Page(buyer_client.get("/wallet"))):
        assert alarms(shown) == []
        assert "You have bought nothing yet." in shown.text


def test_a_purchase_that_can_still_be_paid_is_listed_without_an_alarm(buyer_client):
    address = buy(buyer_client)
    page = Page(buyer_client.get("/wallet"))
    [link] = page.all("a", href=f"http://localhost:8000{address}")
    assert "class" not in link
    assert "Not paid yet" in page.text
    assert "Continue the payment" in page.text
    assert alarms(page) == []


def test_a_card_that_was_refused_is_an_alarm_and_stays_listed(buyer_client):
    pay = Page(buyer_client.get(buy(buyer_client)))
    back = buyer_client.get(choose(checkout(pay), "refuse"))
    page = Page(buyer_client.get(back.headers["Location"], follow_redirects=True))
    assert len(alarms(page)) == 2
    assert "Payment failed" in page.text


def test_the_address_is_not_believed(buyer_client, sign_in, session):
    order_id = buy(buyer_client).split("/")[-2]
    page = Page(buyer_client.get(f"/wallet?order={order_id}&status=paid"))
    assert "Not paid yet." in page.text
    assert f"http://localhost:8000/wallet/purchases/{order_id}/pay" in page.links()
    stranger = sign_in(making.user(session))
    for query in (f"order={order_id}&status=paid", "order=%00", "status=paid"):
        assert Page(stranger.get(f"/wallet?{query}")).all("div", role="status") == []


def test_an_order_that_is_not_open_is_not_paid_again(buyer_client):
    address = buy(buyer_client)
    buyer_client.get(choose(checkout(Page(buyer_client.get(address))), "cancel"))
    answer = buyer_client.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/wallet?order=")


def test_only_its_buyer_pays_an_order(buyer_client, client, sign_in, session):
    address = buy(buyer_client)
    assert client.get(address).headers["Location"].startswith("/login?next=/wallet/purchases/")
    assert client.get("/wallet").headers["Location"] == "/login?next=/wallet"
    assert sign_in(making.user(session)).get(address).status_code == 404


def test_another_site_cannot_order_and_nonsense_is_not_sold(buyer_client):
    assert buyer_client.post("/wallet/purchases", data={"package_id": "x"}).status_code == 400
    buyer_client.csrf_token = None
    answer = buyer_client.post("/wallet/purchases", data={"package_id": "basic_100"})
    assert answer.status_code == 403
    assert "You have bought nothing yet." in Page(buyer_client.get("/wallet")).text


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
    assert "tosspayments" not in client.get("/wallet").headers["Content-Security-Policy"]


def test_the_sandbox_needs_no_exception(buyer_client):
    answer = buyer_client.get(buy(buyer_client))
    assert "tosspayments" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "old, new",
    [
        ("/tokens", "/wallet"),
        ("/tokens?order=P_1&status=paid", "/wallet?order=P_1&status=paid"),
        ("/tokens/purchase/P_1/pay", "/wallet/purchases/P_1/pay"),
    ],
)
def test_old_addresses_lead_on(buyer_client, old, new):
    assert buyer_client.get(old).headers["Location"] == new


def test_a_receipt_stands_beside_its_purchase(buyer_client):
    pay = Page(buyer_client.get(buy(buyer_client)))
    buyer_client.get(choose(checkout(pay), "pay"))
    assert any("/receipt/" in link for link in Page(buyer_client.get("/wallet")).links())


# ── back to what one wanted to buy ───────────────────────────────────────────────────────────


def kept(page):
    """Where the forms that buy lead back to; those in the footer stay on their own page."""
    addresses = {each["value"] for each in page.all("input", name="next")}
    return {each for each in addresses if not each.startswith("/wallet")}


def test_who_lacked_tokens_returns_to_the_filled_form_after_paying(buyer_client):
    page = Page(buyer_client.get("/wallet?next=/styles/7"))
    assert "/styles/7" in page.links()
    assert kept(page) == {"/styles/7"}
    pay = Page(buyer_client.get(buy(buyer_client, next="/styles/7")))
    link = checkout(pay)
    failed = buyer_client.get(choose(link, "cancel"))
    again = Page(buyer_client.get(failed.headers["Location"], follow_redirects=True))
    assert kept(again) == {"/styles/7"}
    pay = Page(buyer_client.get(buy(buyer_client, next="/styles/7")))
    paid = buyer_client.get(choose(checkout(pay), "pay"))
    page = Page(buyer_client.get(paid.headers["Location"], follow_redirects=True))
    assert "/styles/7" in [each["href"] for each in page.all("a", role="button")]
    assert "/styles/7" not in Page(buyer_client.get("/wallet")).links()


@pytest.mark.parametrize("target", ["https://elsewhere.example", "//elsewhere.example", "x"])
def test_nobody_is_led_elsewhere_after_paying(buyer_client, target):
    assert kept(Page(buyer_client.get("/wallet", query_string={"next": target}))) == set()
    buy(buyer_client, next=target)
    with buyer_client.session_transaction() as cookie:
        assert wallet.AFTER not in cookie


# ── the ledger ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def moves(session, buyer, style):
    """A bonus in January, and in February an order of two, one of them given back."""
    kept, gone = making.order(session, buyer, style, count=2)
    generations.cancel(session, user_id=buyer.id, generation_id=gone.id)
    session.execute(text("ALTER TABLE transfers DISABLE TRIGGER USER"))
    for kind, day in (
        ("bonus", "2026-01-31 23:59:59"),
        ("hold", "2026-02-01"),
        ("refund", "2026-02-28 23:59"),
    ):
        session.execute(
            update(Transfer)
            .where(Transfer.kind == kind)
            .values(created_at=datetime.fromisoformat(f"{day}+00:00"))
        )
    session.commit()
    return kept, gone


def amounts(page):
    return [each for each in page.texts if each[:1] in {"+", "−"}]


def test_every_token_is_listed_and_found_by_type_and_month(buyer_client, moves):
    def listed(query):
        return amounts(Page(buyer_client.get(f"/wallet{query}")))

    assert listed("") == ["+10", "−10", "−10", "+100"]
    assert listed("?type=usage") == ["−10", "−10"]
    assert listed("?month=2026-01") == ["+100"]
    assert listed("?month=2026-02") == ["+10", "−10", "−10"]
    assert listed("?type=refund&month=2026-02") == ["+10"]
    assert listed("?type=refund&month=2026-01&next=") == []
    assert listed("?type=&month=") == listed("")
    page = Page(buyer_client.get("/wallet?type=refund&month=2026-01"))
    assert "No transactions match this filter." in page.text


def test_a_move_says_what_it_was_for_and_where_it_stands(buyer_client, moves):
    kept, gone = moves
    page = Page(buyer_client.get("/wallet"))
    assert f"/g/{kept.id}" in page.links()
    assert f"/g/{gone.id}" in page.links()
    assert "held until delivery" in page.text
    assert "refunded" in page.text
    assert "Balance after: 90" in page.text


@pytest.mark.parametrize("query", ["type=nonsense", "month=2026-13", "month=0000-01", "cursor=x"])
def test_nonsense_in_the_address_is_told_as_such(buyer_client, query):
    assert buyer_client.get(f"/wallet?{query}").status_code == 422
    assert buyer_client.get(f"/wallet/ledger.csv?{query}").status_code in {200, 422}


def test_a_filter_brings_the_list_alone_and_more_brings_rows(buyer_client, buyer, session):
    for at in range(25):
        ledger.grant(session, buyer.id, 1, key=f"{at}")
    session.commit()
    piece = Page(buyer_client.get("/wallet?type=bonus", headers=HTMX))
    assert piece.all("html") == []
    assert piece.all("ol")
    [more] = [each["hx-get"] for each in piece.all("a", role="button")]
    rest = Page(buyer_client.get(more, headers=HTMX))
    assert rest.all("ol") == []
    assert len(amounts(piece)) + len(amounts(rest)) == 26


# ── the export ───────────────────────────────────────────────────────────────────────────────


def rows_of(answer):
    assert answer.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_export_holds_what_the_same_filters_show(buyer_client, moves):
    kept, gone = moves
    answer = buyer_client.get("/wallet/ledger.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = rows_of(answer)
    assert [row["amount"] for row in rows] == ["10", "-10", "-10", "100"]
    assert [row["status"] for row in rows] == ["completed", "refunded", "pending", "completed"]
    assert rows[2]["image"] == str(kept.id)
    assert rows[3]["time"] == "2026-01-31T23:59:59+00:00"
    filtered = rows_of(buyer_client.get("/wallet/ledger.csv?type=refund&month=2026-02"))
    assert [row["image"] for row in filtered] == [str(gone.id)]
    links = Page(buyer_client.get("/wallet?type=refund&month=2026-02")).links()
    assert "/wallet/ledger.csv?type=refund&month=2026-02" in links


def test_the_export_is_whole_however_long(buyer_client, buyer, session):
    for at in range(230):
        ledger.grant(session, buyer.id, 1, key=f"{at}")
    session.commit()
    assert len(rows_of(buyer_client.get("/wallet/ledger.csv"))) == 231


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)", "\uff1d1+1"])
def test_the_export_runs_in_no_spreadsheet(buyer_client, buyer, session, storage, name):
    making.order(session, buyer, making.style(session, storage, name=name))
    session.commit()
    row = rows_of(buyer_client.get("/wallet/ledger.csv?type=usage"))[0]
    assert row["style"] == f"'{name}"
    assert row["amount"] == "-10"


def test_everybody_exports_only_the_own_ledger(client, buyer_client, sign_in, session, moves):
    stranger = sign_in(making.user(session))
    assert [row["type"] for row in rows_of(stranger.get("/wallet/ledger.csv"))] == ["bonus"]
    assert client.get("/wallet/ledger.csv").headers["Location"].startswith("/login")


# ── what an artist earned ────────────────────────────────────────────────────────────────────


def test_an_artist_sees_what_each_style_earned_and_when(
    artist_client, buyer_client, session, storage, artist, style, ordered, finish
):
    making.style(session, storage, of=artist, name="Old Birds", is_active=False)
    finish(ordered)
    page = Page(artist_client.get("/wallet"))
    for said in (
        "Earned with your styles 10",
        "1 picture sold in total. 10 tokens earned this month.",
        style.name,
        "Old Birds Not on sale 0 pictures 0 tokens",
    ):
        assert said in page.text
    [chart] = page.all("div", id="earnings")
    names, earned = json.loads(chart["data-months"])
    assert len(names) == len(earned) == 12
    assert earned[-1] == 10
    assert sum(earned) == 10
    assert page.own_code() == []
    assert Page(buyer_client.get("/wallet")).all("div", id="earnings") == []


def test_an_artist_without_styles_is_led_to_the_studio(artist_client):
    assert "/studio" in Page(artist_client.get("/wallet")).links()


@pytest.mark.parametrize(
    "address, first", [("/wallet", "earnings-title"), ("/wallet?next=/styles/1", "packages-title")]
)
def test_the_earnings_come_first_unless_an_order_lacks_tokens(artist_client, address, first):
    page = Page(artist_client.get(address))
    titles = [each.get("id") for each in page.all("h2")]
    assert titles[0] == first
    assert sorted(titles[:2]) == ["earnings-title", "packages-title"]
    assert titles.count("earnings-title") == 1


def test_the_months_of_a_filter_reach_back_to_the_beginning(buyer_client, buyer, session):
    session.execute(update(User).values(created_at=datetime(2025, 11, 30, 23, tzinfo=UTC)))
    session.commit()
    months = [
        each["value"]
        for each in Page(buyer_client.get("/wallet")).all("option")
        if each["value"].startswith("20")
    ]
    assert months[-1] == "2025-11"
    assert "2026-01" in months
    assert months == sorted(set(months), reverse=True)


def test_a_wallet_takes_as_many_statements_however_much_is_in_it(
    artist_client, artist, session, style
):
    with statements(session) as few:
        artist_client.get("/wallet")
    making.order(session, session.get_one(User, artist.user_id), style, count=4)
    session.commit()
    with statements(session) as many:
        artist_client.get("/wallet")
    assert len(few) == len(many) <= MOST_STATEMENTS


def test_every_state_has_words():
    assert payment_words.TRANSACTION_TYPES.keys() == {"all", *token_queries.TYPES.values()}
    assert (
        payment_words.PURCHASE_STATES.keys()
        == payment_words.PURCHASE_NEWS.keys()
        == set(PurchaseStatus)
    )


def test_korean_readers_read_korean(buyer_client):
    page = Page(buyer_client.get("/wallet", headers={"Accept-Language": "ko"}))
    assert "토큰 구매" in page.text
    assert "20% 할인" in page.text


def test_whoever_buys_finds_the_refund_policy_beside_it(buyer_client, artist_client):
    page = Page(buyer_client.get("/wallet"))
    assert "/refunds#tokens" in page.links()
    assert "paid out in money" not in page.text
    assert "paid out in money" in Page(artist_client.get("/wallet")).text
    assert "/refunds#sets" in Page(buyer_client.get("/sets")).links()
    pay = Page(buyer_client.get(buy(buyer_client)))
    assert pay.links().count("/refunds") == pay.links().count("/terms") == 2


def converting(client, amount):
    form = {"csrf_token": client.csrf_token, "idempotency_key": secrets.token_hex(16)}
    return client.post("/wallet/conversions", data=form | {"amount": amount})


def test_an_artist_makes_earned_tokens_available(artist_client, ordered, finish):
    finish(ordered)
    answer = converting(artist_client, "4")
    assert (answer.status_code, answer.location) == (303, "/wallet?saved=conversion#earnings-title")
    page = Page(artist_client.get(answer.location))
    assert "104 tokens are available now." in page.text
    assert "Available 104" in page.text
    assert "Earned with your styles 6" in page.text
    assert "Earned tokens made available" in page.text


def test_no_amount_is_proposed_for_what_cannot_be_undone(artist_client, ordered, finish):
    finish(ordered)
    page = Page(artist_client.get("/wallet"))
    [amount] = page.all("input", id="amount")
    assert (amount["value"], amount["min"], amount["max"]) == ("", "1", "10")
    assert "placeholder" not in amount
    assert page.text.index("Payouts") < page.text.index("Earned tokens to make available")
    assert "can no longer be paid out. This cannot be undone." in page.text
    assert "available now" not in page.text


def test_balances_of_earned_tokens_are_named(artist_client, ordered, finish):
    finish(ordered)
    converting(artist_client, "4")
    text = Page(artist_client.get("/wallet")).text
    assert "+4 Balance after: 104" in text
    assert "+10 Balance after: 10 earned" in text
    assert "104 earned" not in text


@pytest.mark.parametrize(
    "amount, status, text", [("11", 402, "enough tokens"), ("", 422, ""), ("many", 422, "")]
)
def test_a_wrong_amount_of_earned_tokens_is_said_at_its_field(
    artist_client, ordered, finish, amount, status, text
):
    finish(ordered)
    answer = converting(artist_client, amount)
    assert answer.status_code == status
    page = Page(answer)
    [field] = page.all("input", name="amount")
    assert field["aria-invalid"] == "true"
    assert text in page.text
    assert "Earned with your styles 10" in page.text


def test_who_earned_nothing_is_not_asked(artist_client, buyer_client):
    for client in (artist_client, buyer_client):
        assert Page(client.get("/wallet")).all("form", action="/wallet/conversions") == []
