"""/keys: what a person sees of keys, and what is refused."""

import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.api_key import ApiKey
from webapp.domain.models.idempotency import IdempotencyKey

KEYS = "/api/v1/keys"


def made(client, **fields):
    answer = client.post(KEYS, json={"name": "Catalogue"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json["data"]


def listed(client):
    return client.get(KEYS).json["data"]["results"]


def test_the_secret_is_in_the_answer_that_made_it_and_nowhere_else(buyer_client, session):
    key = made(buyer_client, scopes=["order"], expires_in_days=90)
    assert key["scopes"] == ["read", "order"]
    secret = key.pop("secret")
    assert secret.startswith(key["start"])
    assert listed(buyer_client) == [key]
    assert secret not in buyer_client.get(KEYS).text
    assert (key["last_used_on"], key["is_expired"]) == (None, False)
    assert key["expires_at"] > key["created_at"]


def test_an_idempotency_key_stores_no_secret(buyer_client, session):
    for _ in range(2):
        answer = buyer_client.post(
            KEYS, json={"name": "Catalogue"}, headers={"Idempotency-Key": "key-0001"}
        )
        assert "Idempotent-Replayed" not in answer.headers
    assert session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0


def test_keys_are_listed_newest_first_each_to_its_own_person(buyer_client, artist_client):
    ids = [made(buyer_client, name=f"Number {number}")["id"] for number in range(3)]
    assert [each["id"] for each in listed(buyer_client)] == ids[::-1]
    assert listed(artist_client) == []


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", ""),
        ("name", "  "),
        ("name", "x" * 51),
        ("name", "a\u202eb"),
        ("name", None),
        ("scopes", ["admin"]),
        ("scopes", ["read"] * 4),
        ("scopes", "order"),
        ("expires_in_days", 0),
        ("expires_in_days", -1),
        ("expires_in_days", 366),
        ("expires_in_days", "30"),
    ],
)
def test_what_a_key_cannot_be_is_refused_at_its_field(buyer_client, field, value):
    answer = buyer_client.post(KEYS, json={"name": "Catalogue", field: value})
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert {name.partition(".")[0] for name in answer.json["error"]["details"]["fields"]} == {field}
    assert listed(buyer_client) == []


def test_a_person_has_at_most_twenty_keys(buyer_client):
    for _ in range(20):
        made(buyer_client)
    refused = buyer_client.post(KEYS, json={"name": "One more"})
    assert (refused.status_code, error_code(refused)) == (409, "API_KEY_LIMIT_REACHED")
    assert refused.json["error"]["details"]["limit"] == 20
    buyer_client.delete(f"{KEYS}/{listed(buyer_client)[0]['id']}")
    assert made(buyer_client)


def test_a_key_is_revoked_once_and_by_its_person_alone(buyer_client, artist_client):
    path = f"{KEYS}/{made(buyer_client)['id']}"
    assert error_code(artist_client.delete(path)) == "NOT_FOUND"
    assert buyer_client.delete(path).status_code == 204
    again = buyer_client.delete(path)
    assert (again.status_code, error_code(again)) == (404, "NOT_FOUND")
    assert listed(buyer_client) == []


def test_an_expired_key_says_so(buyer_client, session):
    made(buyer_client, expires_in_days=1)
    session.execute(update(ApiKey).values(expires_at=func.clock_timestamp()))
    session.commit()
    assert [each["is_expired"] for each in listed(buyer_client)] == [True]


def test_a_visitor_has_no_keys(client):
    answers = client.get(KEYS), client.post(KEYS, json={"name": "Mine"}), client.delete(f"{KEYS}/1")
    for answer in answers:
        assert error_code(answer) == "UNAUTHORIZED"


def test_the_day_of_the_last_use_is_shown(buyer, buyer_client, key_client):
    client = key_client(buyer)
    assert listed(buyer_client)[0]["last_used_on"] is None
    client.get("/api/v1/styles")
    assert listed(buyer_client)[0]["last_used_on"] is not None


def test_a_message_is_in_the_language_of_the_person(session, key_client):
    client = key_client(making.user(session, language="ko"))
    answer = client.post("/api/v1/generations", json={}, headers={"Accept-Language": "en"})
    assert answer.json["error"]["message"] == "이 API 키에는 필요한 권한이 없습니다."
