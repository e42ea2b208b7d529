from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.generation import Generation
from webapp.schemas.tokens import TransactionQuery

TRANSACTIONS = "/api/v1/tokens/transactions"


def listed(client, query=""):
    return client.get(f"{TRANSACTIONS}?{query}").json["data"]["results"]


def test_packages_are_what_the_server_says_cheapest_first(client):
    found = client.get("/api/v1/tokens/packages").json["data"]
    assert [
        (each["package_id"], each["amount_tokens"], each["total_price"])
        for each in found["results"]
    ] == [
        ("basic_100", 100, 10000),
        ("standard_500", 500, 45000),
        ("premium_1000", 1000, 80000),
    ]
    assert [each["discount_percent"] for each in found["results"]] == [0, 10, 20]
    assert (found["next_cursor"], found["has_more"]) == (None, False)


def test_an_order_is_a_usage_that_is_pending_then_completed(
    buyer_client, artist_client, ordered, finish, style
):
    usage, bonus = listed(buyer_client)
    assert (bonus["type"], bonus["direction"], bonus["amount"]) == ("bonus", "in", 100)
    expected = {
        "type": "usage",
        "direction": "out",
        "amount": 10,
        "unit": "token",
        "status": "pending",
        "balance_after": 90,
        "order_id": None,
        "related_style": {"id": style.id, "name": style.name},
        "related_generation": {"id": ordered.id, "thumbnail_url": None},
        "related_job_id": None,
    }
    assert {name: usage[name] for name in expected} == expected
    finish(ordered)
    assert listed(buyer_client)[0]["status"] == "completed"
    earning = listed(artist_client)[0]
    assert (earning["type"], earning["amount"], earning["balance_after"]) == ("earning", 10, 10)
    me = artist_client.get("/api/v1/auth/me").json["data"]
    assert (me["token_balance"], me["artist"]["earned_token_balance"]) == (100, 10)


@pytest.mark.parametrize("hidden_by", ["its buyer", "an administrator"])
def test_an_artist_is_paid_for_a_picture_that_only_others_may_see(
    artist_client, buyer_client, ordered, finish, session, hidden_by
):
    finish(ordered)
    if hidden_by == "an administrator":
        session.execute(update(Generation).values(is_public=True, is_flagged=True))
    assert artist_client.get(f"/api/v1/generations/{ordered.id}").status_code == 404
    [earning] = listed(artist_client, "type=earning")
    assert earning["related_generation"] == {"id": ordered.id, "thumbnail_url": None}
    assert all(
        each["related_generation"]["thumbnail_url"] for each in listed(buyer_client, "type=usage")
    )
    session.execute(update(Generation).values(is_public=True, is_flagged=False))
    [earning] = listed(artist_client, "type=earning")
    assert earning["related_generation"]["thumbnail_url"]


def test_a_refund_is_a_row_of_its_own(buyer_client, ordered):
    buyer_client.post(f"/api/v1/generations/{ordered.id}/cancel")
    refund, usage, _ = listed(buyer_client)
    assert (refund["type"], refund["direction"], refund["balance_after"]) == ("refund", "in", 100)
    assert usage["status"] == "refunded"


def test_signed_rows_without_earnings_add_up_to_the_balance(buyer_client, session, buyer, style):
    for _ in range(3):
        made = making.order(session, buyer, style)[0]
        session.commit()
    buyer_client.post(f"/api/v1/generations/{made.id}/cancel")
    rows = listed(buyer_client)
    signed = sum(row["amount"] if row["direction"] == "in" else -row["amount"] for row in rows)
    balance = buyer_client.get("/api/v1/tokens/balance").json["data"]["token_balance"]
    assert signed == balance == 80


def test_transactions_are_filtered_and_paged(buyer_client, session, buyer, style):
    for _ in range(4):
        making.order(session, buyer, style)
    session.commit()
    assert {row["type"] for row in listed(buyer_client, "type=consume")} == {"usage"}
    assert [row["type"] for row in listed(buyer_client, "direction=in")] == ["bonus"]
    assert listed(buyer_client, "type=purchase") == []
    assert listed(buyer_client, "to=2001-01-01") == []
    assert len(listed(buyer_client, "from=2001-01-01T00:00:00Z")) == 5
    first = buyer_client.get(f"{TRANSACTIONS}?limit=3").json["data"]
    rest = buyer_client.get(f"{TRANSACTIONS}?limit=3&cursor={first['next_cursor']}").json["data"]
    ids = [row["id"] for row in first["results"] + rest["results"]]
    assert len(set(ids)) == 5
    assert rest["has_more"] is False
    other = buyer_client.get(f"{TRANSACTIONS}?type=usage&cursor={first['next_cursor']}")
    assert (other.status_code, error_code(other)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "query",
    [
        "type=theft",
        "direction=up",
        "from=yesterday",
        "limit=0",
        "from=0",
        "to=-5",
        "from=0001-01-01T00:00:00%2B10:00",
        "to=9999-12-31T23:59:59-10:00",
    ],
)
def test_a_wrong_filter_is_a_wrong_field(buyer_client, query):
    answer = buyer_client.get(f"{TRANSACTIONS}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "written, meant",
    [
        ("2026-01-15", datetime(2026, 1, 15, tzinfo=UTC)),
        ("2026-01-15T00:00:00+09:00", datetime(2026, 1, 14, 15, tzinfo=UTC)),
        ("2026-01-15T12:00:00", datetime(2026, 1, 15, 12, tzinfo=UTC)),
    ],
)
def test_a_day_begins_where_its_offset_says(written, meant):
    assert TransactionQuery.model_validate({"from": written}).since == meant


def test_an_offset_that_the_database_does_not_know_is_still_a_time(buyer_client):
    assert len(listed(buyer_client, "from=2001-01-01T00:00:00-16:39")) == 1
    assert listed(buyer_client, "to=2001-01-01T00:00:00%2B23:59") == []


def test_the_words_of_a_row_are_in_the_readers_language(buyer_client, ordered, style):
    english = listed(buyer_client)[0]["memo"]
    korean = buyer_client.get(TRANSACTIONS, headers={"Accept-Language": "ko"}).json["data"]
    assert english == f"Picture in the style “{style.name}”"
    assert korean["results"][0]["memo"] == f"“{style.name}” 스타일 이미지"


def test_nobody_reads_somebody_elses_money(client, sign_in, session, ordered):
    assert client.get(TRANSACTIONS).status_code == 401
    stranger = sign_in(making.user(session))
    assert [row["type"] for row in listed(stranger)] == ["bonus"]


CONVERSIONS = "/api/v1/tokens/conversions"


def test_earned_tokens_are_made_available_and_listed_once(artist_client, ordered, finish):
    finish(ordered)
    answer = artist_client.post(CONVERSIONS, json={"amount": 4})
    assert answer.status_code == 201
    balance = answer.json["data"]
    assert (balance["token_balance"], balance["earned_token_balance"]) == (104, 6)
    converted, earning, _ = listed(artist_client)
    assert (converted["type"], converted["direction"], converted["amount"]) == ("earning", "in", 4)
    assert converted["memo"] == "Earned tokens made available"
    assert converted["balance_after"] == 104
    assert earning["amount"] == 10


def test_a_conversion_that_is_sent_again_moves_nothing_more(artist_client, ordered, finish):
    finish(ordered)
    headers = {"Idempotency-Key": "converted-once"}
    answers = [
        artist_client.post(CONVERSIONS, json={"amount": 4}, headers=headers) for _ in range(2)
    ]
    assert answers[0].json["data"] == answers[1].json["data"]
    assert artist_client.get("/api/v1/tokens/balance").json["data"]["earned_token_balance"] == 6


@pytest.mark.parametrize("amount", [0, -1, 1.5, "ten", None, 2**63])
def test_a_conversion_needs_a_number_of_tokens(artist_client, amount):
    refused = artist_client.post(CONVERSIONS, json={"amount": amount})
    assert refused.status_code == 422
    assert list(refused.json["error"]["details"]["fields"]) == ["amount"]


def test_more_than_was_earned_is_refused(artist_client, ordered, finish):
    finish(ordered)
    refused = artist_client.post(CONVERSIONS, json={"amount": 11})
    assert (refused.status_code, error_code(refused)) == (402, "INSUFFICIENT_TOKENS")
