import pytest
from sqlalchemy import text

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.account import Role, User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.style import Style
from webapp.domain.services import packages
from webapp.domain.settings import Settings

PAYOUTS = "/api/v1/tokens/payouts"
QUEUE = "/api/v1/admin/payouts"
PAID = {"paid_krw": 8400, "reference": "KB 0042"}


@pytest.fixture
def requested(artist_client, earned):
    return artist_client.post(PAYOUTS, json={"amount": 120}).json["data"]


def balance(client):
    return client.get("/api/v1/tokens/balance").json["data"]["earned_token_balance"]


def test_a_request_says_what_it_is_worth(artist_client, earned):
    answer = artist_client.post(PAYOUTS, json={"amount": 120})
    assert answer.status_code == 201
    made = answer.json["data"]
    assert (made["status"], made["amount_tokens"], made["amount_krw"]) == ("requested", 120, 8400)
    assert balance(artist_client) == 30
    assert artist_client.get(PAYOUTS).json["data"]["results"] == [made]
    [newest, *_] = artist_client.get("/api/v1/tokens/transactions").json["data"]["results"]
    assert (newest["type"], newest["direction"], newest["amount"]) == ("payout", "out", 120)
    assert (newest["memo"], newest["balance_after"]) == ("Payout requested", 30)


def test_a_request_that_is_sent_again_is_made_once(artist_client, earned):
    headers = {"Idempotency-Key": "requested-once"}
    answers = [artist_client.post(PAYOUTS, json={"amount": 100}, headers=headers) for _ in range(2)]
    assert answers[0].json["data"] == answers[1].json["data"]
    assert balance(artist_client) == 50


@pytest.mark.parametrize("amount", [0, -1, 1.5, "ten", None, 2**63, 10**12, 99])
def test_a_request_needs_a_number_of_tokens_that_is_enough(artist_client, earned, amount):
    refused = artist_client.post(PAYOUTS, json={"amount": amount})
    assert refused.status_code == 422
    assert list(refused.json["error"]["details"]["fields"]) == ["amount"]
    assert balance(artist_client) == 150


def test_more_than_was_earned_is_refused(artist_client, earned):
    refused = artist_client.post(PAYOUTS, json={"amount": 151})
    assert (refused.status_code, error_code(refused)) == (402, "INSUFFICIENT_TOKENS")
    assert artist_client.get(PAYOUTS).json["data"]["results"] == []


def test_what_was_earned_with_own_orders_is_refused_and_the_payable_amount_is_told(
    artist_client, earned, artist, session, storage
):
    making.ledger.grant(session, artist.user_id, 150, key="for an own order")
    style = session.get(Style, earned.style_id)
    [own] = making.order(session, session.get(User, artist.user_id), style)
    making.finish(session, storage, own)
    session.commit()
    assert balance(artist_client) == 300
    refused = artist_client.post(PAYOUTS, json={"amount": 151})
    assert (refused.status_code, error_code(refused)) == (402, "INSUFFICIENT_TOKENS")
    assert refused.json["error"]["details"] == {"required": 151, "available": 150}
    assert artist_client.get(PAYOUTS).json["data"]["results"] == []
    assert artist_client.post(PAYOUTS, json={"amount": 150}).status_code == 201
    assert balance(artist_client) == 150


def test_a_second_request_is_refused(artist_client, requested, session):
    refused = artist_client.post(PAYOUTS, json={"amount": 120})
    assert (refused.status_code, error_code(refused)) == (409, "PAYOUT_OPEN")


def test_only_artists_ask(buyer_client, client):
    assert error_code(buyer_client.post(PAYOUTS, json={"amount": 100})) == "ARTIST_ONLY"
    assert client.get(PAYOUTS).status_code == 401


def test_a_request_is_withdrawn_by_its_artist_once(artist_client, requested, sign_in, session):
    address = f"{PAYOUTS}/{requested['id']}/withdraw"
    other = sign_in(session.get(User, making.artist(session).user_id))
    assert other.post(address).status_code == 404
    withdrawn = artist_client.post(address).json["data"]
    assert withdrawn["status"] == "withdrawn"
    assert balance(artist_client) == 150
    again = artist_client.post(address)
    assert (again.status_code, error_code(again)) == (409, "PAYOUT_DECIDED")
    assert again.json["error"]["details"]["payout_status"] == "withdrawn"


def test_administrators_see_whom_they_pay_and_settle_once(
    admin_client, artist_client, requested, artist, session
):
    [listed] = admin_client.get(QUEUE).json["data"]["results"]
    assert (listed["artist"]["id"], listed["artist"]["artist_name"]) == (
        artist.user_id,
        artist.artist_name,
    )
    assert listed["artist"]["earned_token_balance"] == 30
    settled = admin_client.post(f"{QUEUE}/{requested['id']}/settle", json=PAID).json["data"]
    assert (settled["status"], settled["paid_krw"], settled["reference"]) == (
        "settled",
        8400,
        "KB 0042",
    )
    again = admin_client.post(f"{QUEUE}/{requested['id']}/settle", json=PAID)
    assert (again.status_code, error_code(again)) == (409, "PAYOUT_DECIDED")
    assert admin_client.get(QUEUE).json["data"]["results"] == []
    assert len(admin_client.get(f"{QUEUE}?status=all").json["data"]["results"]) == 1
    [own] = artist_client.get(PAYOUTS).json["data"]["results"]
    assert (own["status"], own["reference"]) == ("settled", "KB 0042")
    [told, *_] = artist_client.get("/api/v1/notifications").json["data"]["results"]
    assert told["message"] == "Your payout of 120 tokens was made: ₩8,400 was transferred."
    assert [each.object_type for each in session.query(AuditEntry)] == ["payout"]


def test_a_payout_that_the_bank_returned_is_in_the_wallet_again(
    admin_client, artist_client, requested, buyer_client
):
    address = f"{QUEUE}/{requested['id']}/return"
    body = {"reason": "No such account."}
    early = admin_client.post(address, json=body)
    assert (early.status_code, error_code(early)) == (409, "INVALID_TRANSITION")
    paid = PAID | {"paid_krw": 8122, "note": "3.3 % tax withheld."}
    settled = admin_client.post(f"{QUEUE}/{requested['id']}/settle", json=paid).json["data"]
    assert (settled["returned_at"], settled["return_note"]) == (None, None)
    assert balance(artist_client) == 30
    assert buyer_client.post(address, json=body).status_code == 403
    assert admin_client.post(address, json={}).status_code == 422
    returned = admin_client.post(address, json=body).json["data"]
    assert (returned["status"], returned["return_note"]) == ("returned", "No such account.")
    assert returned["returned_at"] >= settled["ended_at"]
    for fact in ("paid_krw", "reference", "note", "ended_at"):
        assert returned[fact] == settled[fact]
    [own] = artist_client.get(PAYOUTS).json["data"]["results"]
    assert own == {name: returned[name] for name in own}
    assert balance(artist_client) == 150
    again = admin_client.post(address, json=body)
    assert (again.status_code, error_code(again)) == (409, "INVALID_TRANSITION")
    [newest, *_] = artist_client.get("/api/v1/tokens/transactions").json["data"]["results"]
    assert (newest["type"], newest["direction"], newest["amount"]) == ("payout", "in", 120)
    assert newest["memo"] == "Payout returned by the bank"
    [told, *_] = artist_client.get("/api/v1/notifications").json["data"]["results"]
    assert told["message"].startswith("The bank returned your payout of ₩8,122: 120 tokens")


def test_a_declined_request_says_why(admin_client, artist_client, requested):
    body = {"reason": "The account has another name."}
    declined = admin_client.post(f"{QUEUE}/{requested['id']}/decline", json=body).json["data"]
    assert (declined["status"], declined["note"]) == ("declined", "The account has another name.")
    assert balance(artist_client) == 150
    [told, *_] = artist_client.get("/api/v1/notifications", headers={"Accept-Language": "ko"}).json[
        "data"
    ]["results"]
    assert told["message"].startswith("토큰 120개의 정산 신청이 거절되었습니다.")


@pytest.mark.parametrize(
    "body, field",
    [
        (PAID | {"paid_krw": 8401}, "paid_krw"),
        (PAID | {"paid_krw": 0}, "paid_krw"),
        (PAID | {"paid_krw": 2**63}, "paid_krw"),
        (PAID | {"reference": ""}, "reference"),
        (PAID | {"reference": "x" * 101}, "reference"),
        (PAID | {"reference": "KB\u202e42"}, "reference"),
        (PAID | {"paid_krw": 8000}, "note"),
        (PAID | {"note": "x" * 501}, "note"),
    ],
)
def test_a_wrong_settlement_is_refused_and_nothing_moves(
    admin_client, artist_client, requested, body, field
):
    refused = admin_client.post(f"{QUEUE}/{requested['id']}/settle", json=body)
    assert refused.status_code == 422
    assert list(refused.json["error"]["details"]["fields"]) == [field]
    [own] = artist_client.get(PAYOUTS).json["data"]["results"]
    assert own["status"] == "requested"


def test_only_administrators_decide(buyer_client, artist_client, admin_client, requested):
    for client in (buyer_client, artist_client):
        assert client.get(QUEUE).status_code == 403
        assert client.post(f"{QUEUE}/{requested['id']}/settle", json=PAID).status_code == 403
    assert admin_client.post(f"{QUEUE}/0/settle", json=PAID).status_code == 404


def test_an_administrator_does_not_pay_the_own_request(artist_client, requested, artist, session):
    session.get(User, artist.user_id).role = Role.ADMIN
    session.commit()
    refused = artist_client.post(f"{QUEUE}/{requested['id']}/settle", json=PAID)
    assert (refused.status_code, error_code(refused)) == (403, "FORBIDDEN")


def test_an_account_with_an_open_request_is_not_closed_by_its_artist(
    artist_client, requested, artist, session
):
    body = {"confirm": session.get(User, artist.user_id).username}
    refused = artist_client.delete("/api/v1/users/me", json=body)
    assert (refused.status_code, error_code(refused)) == (409, "PAYOUT_OPEN")
    assert refused.json["error"]["details"] == {"payout_id": requested["id"]}


def test_requests_are_listed_page_by_page(admin_client, artist_client, earned, session):
    for _ in range(3):
        made = artist_client.post(PAYOUTS, json={"amount": 100}).json["data"]
        artist_client.post(f"{PAYOUTS}/{made['id']}/withdraw")
    for client, address in ((artist_client, PAYOUTS), (admin_client, f"{QUEUE}")):
        query = "limit=2&status=all" if address == QUEUE else "limit=2"
        first = client.get(f"{address}?{query}").json["data"]
        rest = client.get(f"{address}?{query}&cursor={first['next_cursor']}").json["data"]
        assert len({each["id"] for each in first["results"] + rest["results"]}) == 3
    assert session.scalar(text("SELECT count(*) FROM payout_requests")) == 3


def test_an_earned_token_is_worth_no_more_than_the_cheapest_that_is_sold():
    """Otherwise tokens could be bought, spent on an own style and paid out with a gain."""
    [most] = [
        rule.le
        for rule in Settings.model_fields["payout_krw_per_token"].metadata
        if hasattr(rule, "le")
    ]
    assert most <= min(each.price_per_token for each in packages.on_offer())
