import re
import secrets
from datetime import UTC, datetime

import pytest

from tests import making
from tests.pages import MOST_STATEMENTS
from tests.statements import statements
from tests.webapp.conftest import signed_in_client
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import Role, User
from webapp.domain.models.payment import Purchase
from webapp.domain.models.payout import PayoutRequest, PayoutStatus
from webapp.domain.models.style import Style
from webapp.domain.services import leaving
from webapp.domain.services.leaving import Outcome
from webapp.domain.settings import settings
from webapp.pages import payment_words


def ask(client, amount, key=None):
    form = {"csrf_token": client.csrf_token, "idempotency_key": key or secrets.token_hex(16)}
    return client.post("/wallet/payouts", data=form | {"amount": amount})


def stored(session):
    return session.query(PayoutRequest).populate_existing().one()


def send(client, address, **fields):
    return client.post(address, data={"csrf_token": client.csrf_token} | fields)


def test_an_artist_is_told_the_worth_and_asks(artist_client, earned):
    page = Page(artist_client.get("/wallet"))
    assert "An earned token is worth ₩70. A payout takes at least 100 tokens." in page.text
    assert "The money is transferred within 14 days of your request." in page.text
    assert "All of them are worth ₩10,500." in page.text
    [form] = page.all("form", action="/wallet/payouts")
    answer = ask(artist_client, "120")
    assert (answer.status_code, answer.location) == (303, "/wallet#payouts-title")
    page = Page(artist_client.get("/wallet"))
    assert "Earned with your styles 30" in page.text
    assert "Requested" in page.text
    assert "120 tokens · ₩8,400" in page.text
    assert page.all("form", action="/wallet/payouts") == []
    assert page.own_code() == []
    assert form["method"] == "post"


@pytest.mark.parametrize(
    "language, sentence",
    [
        ("en", "50 more earned tokens until you can request a payout: it takes 200, and you have"),
        ("ko", "수익 토큰이 50개 더 모이면 정산을 신청할 수 있습니다(최소 200개, 현재 150개)."),
    ],
)
def test_who_has_too_few_earned_tokens_reads_how_many_are_missing(
    bind, storage, shared_apps, monkeypatch, session, artist, earned, language, sentence
):
    app = bind(shared_apps.get(monkeypatch, PAYOUT_MINIMUM_TOKENS="200"))
    client = signed_in_client(app, session, session.get_one(User, artist.user_id))
    page = Page(client.get("/wallet", headers={"Accept-Language": language}))
    assert sentence in page.text
    assert page.all("form", action="/wallet/payouts") == []
    settings.cache_clear()


def test_a_form_that_is_sent_twice_is_one_request(artist_client, earned, session):
    for _ in range(2):
        assert ask(artist_client, "100", key="the same form").status_code in {303, 422}
    for _ in range(2):
        assert ask(artist_client, "100", key="the-same-form").status_code == 303
    assert stored(session).amount_tokens == 100


@pytest.mark.parametrize(
    "amount, status, said",
    [("151", 402, "enough tokens"), ("99", 422, "At least 100"), ("", 422, ""), ("many", 422, "")],
)
def test_a_wrong_amount_is_said_at_its_field(artist_client, earned, amount, status, said):
    answer = ask(artist_client, amount)
    assert answer.status_code == status
    page = Page(answer)
    [field] = page.all("input", id="payout-amount")
    assert field["aria-invalid"] == "true"
    assert said in page.text
    [other] = page.all("input", id="amount")
    assert "aria-invalid" not in other
    assert other["value"] == ""


def test_a_second_request_from_an_old_page_is_refused_with_words(artist_client, earned):
    ask(artist_client, "100")
    refused = ask(artist_client, "100")
    assert refused.status_code == 409
    assert "There is an open payout request." in Page(refused).text


def test_who_has_too_few_tokens_is_told_the_minimum_only(artist_client, buyer_client, ordered):
    page = Page(artist_client.get("/wallet"))
    assert "A payout takes at least 100 tokens." in page.text
    assert page.all("form", action="/wallet/payouts") == []
    assert "payout" not in Page(buyer_client.get("/wallet")).text.lower()
    assert ask(buyer_client, "100").location == "/become-artist"


def test_an_artist_withdraws(artist_client, earned, session):
    ask(artist_client, "100")
    payout = stored(session)
    [form] = Page(artist_client.get("/wallet")).all(
        "form", action=f"/wallet/payouts/{payout.id}/withdraw"
    )
    answer = send(artist_client, form["action"])
    assert (answer.status_code, answer.location) == (303, "/wallet#payouts-title")
    assert "Withdrawn" in Page(artist_client.get("/wallet")).text
    assert send(artist_client, form["action"]).status_code == 409


def own_order(session, storage, style):
    """A delivered picture that the artist ordered in the own style."""
    making.ledger.grant(session, style.artist_id, 150, key="for an own order")
    [made] = making.order(session, session.get(User, style.artist_id), style)
    making.finish(session, storage, made)
    session.commit()


NOT_PAID = "what you earned with your own orders is never paid in money"


def test_an_artist_reads_what_of_the_earned_tokens_is_payable(
    artist_client, earned, session, storage
):
    assert NOT_PAID not in Page(artist_client.get("/wallet")).text
    own_order(session, storage, session.get(Style, earned.style_id))
    page = Page(artist_client.get("/wallet"))
    assert "Earned with your styles 300" in page.text
    assert f"Of your earned tokens, 150 can be paid out: {NOT_PAID}." in page.text
    assert "All of them are worth ₩10,500." in page.text
    [field] = page.all("input", id="payout-amount")
    assert (field["max"], field["value"]) == ("150", "150")
    [other] = page.all("input", id="amount")
    assert other["max"] == "300"

    refused = ask(artist_client, "151")
    assert (refused.status_code, "enough tokens" in Page(refused).text) == (402, True)
    assert ask(artist_client, "150").status_code == 303
    korean = Page(artist_client.get("/wallet", headers={"Accept-Language": "ko"})).text
    assert "수익 토큰 중 0개를 정산받을 수 있습니다." in korean


def test_who_earned_with_own_orders_only_is_offered_no_payout(
    artist_client, style, session, storage
):
    style.price_tokens = 150
    own_order(session, storage, style)
    page = Page(artist_client.get("/wallet"))
    assert f"Of your earned tokens, 0 can be paid out: {NOT_PAID}." in page.text
    assert page.all("form", action="/wallet/payouts") == []
    refused = ask(artist_client, "100")
    assert (refused.status_code, "enough tokens" in Page(refused).text) == (402, True)


def test_administrators_read_where_the_tokens_came_from(
    artist_client, admin_client, earned, session, storage
):
    ask(artist_client, "100")
    page = Page(admin_client.get("/admin/payouts")).text
    assert "Sold to others, refunds left out: 150 tokens." in page
    assert "150 of them came from 1 buyer who never paid for tokens." in page
    korean = admin_client.get("/admin/payouts", headers={"Accept-Language": "ko"})
    assert "그중 150개는 토큰을 돈으로 산 적이 없는 구매자 1명이 썼습니다." in Page(korean).text
    purchases = {"order_id": "bought", "payment_key": "bought", "package_id": "basic_100"}
    prices = {"amount_tokens": 100, "price_per_token": 100, "total_price": 10_000}
    times = dict.fromkeys(("approved_at", "expires_at"), datetime.now(UTC))
    session.add(Purchase(user_id=earned.user_id, status="paid", **purchases, **prices, **times))
    session.commit()
    page = Page(admin_client.get("/admin/payouts")).text
    assert "150 tokens. All buyers have paid for tokens." in page


def test_the_origin_of_all_open_requests_is_one_statement(
    artist_client, admin_client, earned, session
):
    def sent():
        session.commit()
        with statements(session) as seen:
            page = Page(admin_client.get("/admin/payouts")).text
        return len(seen), page

    making.payout(session, making.artist(session).user_id)
    few, page = sent()
    assert page.count("Nothing was sold to others, refunds left out.") == 1
    ask(artist_client, "100")
    making.payout(session, making.artist(session).user_id)
    many, page = sent()
    assert (page.count("Nothing was sold"), page.count("Sold to others")) == (2, 1)
    assert few == many <= MOST_STATEMENTS


def test_administrators_find_open_requests_and_settle_them(
    artist_client, admin_client, earned, artist, session
):
    ask(artist_client, "100")
    payout = stored(session)
    assert "Payouts requested 1" in Page(admin_client.get("/admin")).text
    page = Page(admin_client.get("/admin/payouts"))
    assert f"{artist.artist_name} – 100 tokens, ₩7,000 Requested" in page.text.replace(" ,", ",")
    assert page.own_code() == []
    [form] = page.all("form", action=f"/admin/payouts/{payout.id}/settle")
    answer = send(
        admin_client,
        form["action"],
        paid_krw="6769",
        reference="KB 0042",
        note="3.3 % tax withheld.",
        next="/admin/payouts",
    )
    assert (answer.status_code, answer.location) == (303, "/admin/payouts?done=settled")
    assert "No payout requests." in Page(admin_client.get("/admin/payouts?done=settled")).text
    settled = Page(admin_client.get("/admin/payouts?status=settled")).text
    assert "Paid ₩6,769, bank transfer KB 0042" in settled
    wallet = Page(artist_client.get("/wallet")).text
    assert "Paid out Bank transfer KB 0042 3.3 % tax withheld. 100 tokens · ₩6,769" in wallet
    notices = Page(artist_client.get("/notifications"))
    assert "Your payout of 100 tokens was made: ₩6,769 was transferred." in notices.text
    assert "/wallet" in notices.links()
    log = Page(admin_client.get("/admin/log"))
    assert "Payout" in log.text


def test_administrators_decline_with_a_reason(artist_client, admin_client, earned, session):
    ask(artist_client, "100")
    address = f"/admin/payouts/{stored(session).id}/decline"
    assert send(admin_client, address, action="decline", next="/admin/payouts").status_code == 422
    answer = send(admin_client, address, reason="Another name at the bank.", next="/admin/payouts")
    assert answer.location == "/admin/payouts?done=declined"
    wallet = Page(artist_client.get("/wallet")).text
    assert "Declined Another name at the bank." in wallet
    assert "Earned with your styles 150" in wallet
    again = send(admin_client, address, reason="Again.", next="/admin/payouts")
    assert (again.status_code, "already ended" in Page(again).text) == (409, True)


def test_administrators_record_what_the_bank_returned(artist_client, admin_client, earned, session):
    ask(artist_client, "100")
    address = f"/admin/payouts/{stored(session).id}"
    paid = {"paid_krw": "6769", "reference": "KB 0042", "note": "3.3 % tax withheld."}
    send(admin_client, f"{address}/settle", next="/admin/payouts", **paid)
    offered = Page(admin_client.get("/admin/payouts?status=settled"))
    assert offered.all("form", action=f"{address}/return")
    answer = send(admin_client, f"{address}/return", reason="No such account.", next="/admin")
    assert answer.location == "/admin?done=returned"
    page = Page(admin_client.get("/admin/payouts?status=returned&done=returned"))
    assert "Recorded as returned by the bank. The artist was notified." in page.text
    assert "Paid ₩6,769, bank transfer KB 0042" in page.text
    payout = stored(session)
    assert f"{payout.ended_at:%Y-%m-%d}" in page.text
    assert page.text.index("3.3 % tax withheld.") < page.text.index("No such account.")
    assert not page.all("form", action=f"{address}/return")
    wallet = Page(artist_client.get("/wallet")).text
    assert "Returned by the bank Bank transfer KB 0042 3.3 % tax withheld." in wallet
    assert re.search(r"3.3 % tax withheld. Returned by the bank, [^:]+:\d+[^:]*: No such", wallet)
    assert "Earned with your styles 150" in wallet
    again = send(admin_client, f"{address}/return", reason="Again.", next="/admin/payouts")
    assert again.status_code == 409


CLOSED = "The account is closed: nobody is notified."
TOLD = "The artist is notified"


def test_of_a_closed_account_nobody_is_told_and_the_administrator_reads_so(
    artist_client, admin_client, earned, artist, session
):
    ask(artist_client, "100")
    leaving.deactivate(session, artist.user_id)
    session.commit()
    address = f"/admin/payouts/{stored(session).id}"
    queue = Page(admin_client.get("/admin/payouts")).text
    assert (queue.count(CLOSED), TOLD in queue) == (2, False)
    paid = {"paid_krw": "7000", "reference": "KB 0042"}
    settled = send(admin_client, f"{address}/settle", next="/admin/payouts?status=settled", **paid)
    page = Page(admin_client.get(settled.location)).text
    assert "Recorded as paid out. The account is closed: nobody was notified." in page
    assert f"{CLOSED} The artist can use the tokens if the account is reopened." in page
    assert TOLD not in page
    returned = send(admin_client, f"{address}/return", reason="No such account.", next="/admin")
    page = Page(admin_client.get(returned.location)).text
    assert "Recorded as returned by the bank. The account is closed: nobody was notified." in page


def test_a_declined_request_of_a_closed_account_tells_nobody(
    artist_client, admin_client, earned, artist, session
):
    ask(artist_client, "100")
    leaving.deactivate(session, artist.user_id)
    session.commit()
    address = f"/admin/payouts/{stored(session).id}/decline"
    declined = send(admin_client, address, reason="Another name.", next="/admin")
    page = Page(admin_client.get(declined.location)).text
    assert "Declined. The account is closed: nobody was notified." in page


def test_of_a_deleted_account_the_administrator_reads_that_nobody_can_use_the_tokens(
    artist_client, admin_client, artist, session
):
    making.earn_tokens(session, artist.user_id, 100)
    session.commit()
    ask(artist_client, "100")
    address = f"/admin/payouts/{stored(session).id}"
    paid = {"paid_krw": "7000", "reference": "KB 0042"}
    send(admin_client, f"{address}/settle", next="/admin", **paid)
    person = session.get(User, artist.user_id)
    assert leaving.leave(session, user=person, confirm=person.username) == Outcome.DELETED
    session.commit()
    page = Page(admin_client.get("/admin/payouts?status=settled"))
    assert (
        "The account was deleted: nobody is notified, and nobody can use its tokens." in page.text
    )
    assert (TOLD in page.text, f"/admin/users/{artist.user_id}" in page.links()) == (False, False)
    returned = send(admin_client, f"{address}/return", reason="No such account.", next="/admin")
    page = Page(admin_client.get(returned.location)).text
    assert "The account is closed: nobody was notified." in page


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"paid_krw": "7001", "reference": "KB"}, "At most ₩7000"),
        ({"paid_krw": "6000", "reference": "KB"}, "Say why less"),
    ],
)
def test_a_wrong_settlement_is_said(artist_client, admin_client, earned, session, fields, said):
    ask(artist_client, "100")
    address = f"/admin/payouts/{stored(session).id}/settle"
    refused = send(admin_client, address, next="/admin/payouts", **fields)
    assert (refused.status_code, said in Page(refused).text) == (422, True)
    assert stored(session).status == PayoutStatus.REQUESTED


def test_an_own_request_waits_for_somebody_else(artist_client, earned, artist, session):
    ask(artist_client, "100")
    session.get(User, artist.user_id).role = Role.ADMIN
    session.commit()
    page = Page(artist_client.get("/admin/payouts"))
    assert "Another administrator must decide your own request." in page.text
    assert [form for form in page.all("form", method="post") if "settle" in form["action"]] == []


def test_leaving_says_that_a_payout_must_end_first(artist_client, earned, artist, session):
    assert "you can withdraw a payout in your wallet" in Page(artist_client.get("/me/leave")).text
    ask(artist_client, "100")
    confirm = session.get(User, artist.user_id).username
    refused = send(artist_client, "/me/leave", confirm=confirm)
    assert refused.status_code == 409
    assert "There is an open payout request." in Page(refused).text


def test_every_state_has_words():
    assert payment_words.PAYOUT_STATES.keys() == set(PayoutStatus)
