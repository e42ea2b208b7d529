"""/users/me/webhooks: what a person sees of addresses, and what is refused."""

import re
import secrets

import pytest
from sqlalchemy import func, select

from tests import making
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.outgoing_webhook import Webhook

WEBHOOKS = "/api/v1/users/me/webhooks"
URL = "https://shop.example/webhooks"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


def made(client, **fields):
    answer = client.post(WEBHOOKS, json={"url": URL, "events": ["generation.completed"]} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json["data"]


def listed(client):
    return client.get(WEBHOOKS).json["data"]["results"]


def test_the_secret_is_in_the_answer_that_made_it_and_nowhere_else(buyer_client):
    webhook = made(buyer_client)
    secret = webhook.pop("secret")
    assert SECRET.fullmatch(secret)
    assert listed(buyer_client) == [webhook]
    assert SECRET.search(buyer_client.get(WEBHOOKS).text) is None
    assert (webhook["url"], webhook["is_enabled"]) == (URL, True)


def test_an_idempotency_key_stores_no_secret(buyer_client, session):
    webhook = made(buyer_client)
    for path in (WEBHOOKS, f"{WEBHOOKS}/{webhook['id']}/secret"):
        answer = buyer_client.post(
            path,
            json={"url": URL, "events": ["generation.sold"]},
            headers={"Idempotency-Key": "key-0001"},
        )
        assert answer.status_code == 201
    assert session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0


def test_events_are_changed_and_an_address_is_disabled_and_enabled(buyer_client):
    path = f"{WEBHOOKS}/{made(buyer_client)['id']}"
    changed = buyer_client.patch(path, json={"events": ["style.trained", "generation.sold"]})
    assert changed.json["data"]["events"] == ["generation.sold", "style.trained"]
    changed = buyer_client.patch(path, json={"is_enabled": False}).json["data"]
    assert (changed["is_enabled"], changed["disabled_cause"]) == (False, "switched_off")
    refused = buyer_client.post(f"{path}/test")
    assert (refused.status_code, error_code(refused)) == (409, "WEBHOOK_DISABLED")
    changed = buyer_client.patch(path, json={"is_enabled": True}).json["data"]
    assert (changed["is_enabled"], changed["disabled_cause"]) == (True, None)


def test_a_new_secret_is_shown_once_and_the_one_before_signs_for_a_day(buyer_client):
    webhook = made(buyer_client)
    changed = buyer_client.post(f"{WEBHOOKS}/{webhook['id']}/secret").json["data"]
    assert changed["secret"] != webhook["secret"]
    assert changed["previous_secret_until"] > changed["created_at"]


def test_a_test_is_queued_and_listed(buyer_client):
    path = f"{WEBHOOKS}/{made(buyer_client)['id']}"
    answer = buyer_client.post(f"{path}/test")
    assert answer.status_code == 202
    [delivery] = buyer_client.get(f"{path}/deliveries").json["data"]["results"]
    assert delivery == answer.json["data"]
    assert (delivery["event"], delivery["status"]) == ("webhook.test", "queued")


def test_ten_tests_an_hour_are_possible_also_of_addresses_that_were_deleted(limited_app, session):
    # Keys in Redis are user ids: a number no other test of this machine has.
    person = making.user(session, id=secrets.randbits(60))
    client = signed_in_client(limited_app, session, person)
    for _ in range(5):
        path = f"{WEBHOOKS}/{made(client)['id']}"
        assert [client.post(f"{path}/test").status_code for _ in range(2)] == [202, 202]
        client.delete(path)
    path = f"{WEBHOOKS}/{made(client)['id']}"
    refused = client.post(f"{path}/test")
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMIT_EXCEEDED")
    assert client.get(f"{path}/deliveries").json["data"]["results"] == []
    form = {"csrf_token": client.csrf_token}
    page = client.post(f"/me/webhooks/{path.rpartition('/')[2]}/test", data=form)
    assert (page.status_code, "the limit is 10 in 3600 s" in page.text) == (429, True)


@pytest.mark.parametrize(
    "field, value",
    [
        ("url", ""),
        ("url", "shop.example"),
        ("url", "ftp://shop.example"),
        ("url", "https://user:pw@shop.example"),
        ("url", f"https://shop.example/{'a' * 500}"),
        ("url", None),
        ("events", []),
        ("events", ["webhook.test"]),
        ("events", ["everything"]),
        ("events", "generation.sold"),
    ],
)
def test_what_is_no_address_is_refused_at_its_field(buyer_client, field, value):
    body = {"url": URL, "events": ["generation.completed"], field: value}
    answer = buyer_client.post(WEBHOOKS, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert {name.partition(".")[0] for name in answer.json["error"]["details"]["fields"]} == {field}
    assert listed(buyer_client) == []


@pytest.mark.parametrize("url", ["http://shop.example", "https://127.0.0.1", "https://redis:6379"])
def test_an_address_within_our_network_is_refused_unless_allowed(buyer_client, monkeypatch, url):
    answer = buyer_client.post(WEBHOOKS, json={"url": url, "events": ["style.trained"]})
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_a_person_has_at_most_five(buyer_client):
    for _ in range(5):
        made(buyer_client)
    refused = buyer_client.post(WEBHOOKS, json={"url": URL, "events": ["style.trained"]})
    assert (refused.status_code, error_code(refused)) == (409, "WEBHOOK_LIMIT_REACHED")
    assert refused.json["error"]["details"]["limit"] == 5


def test_others_and_visitors_can_do_nothing(buyer_client, artist_client, client, session):
    path = f"{WEBHOOKS}/{made(buyer_client)['id']}"
    calls = [
        ("patch", path),
        ("delete", path),
        ("post", f"{path}/secret"),
        ("post", f"{path}/test"),
        ("get", f"{path}/deliveries"),
    ]
    for method, url in calls:
        options = {"json": {}} if method == "patch" else {}
        assert error_code(getattr(artist_client, method)(url, **options)) == "NOT_FOUND"
        assert error_code(getattr(client, method)(url, **options)) == "UNAUTHORIZED"
    assert session.scalar(select(func.count()).select_from(Webhook)) == 1
    assert buyer_client.delete(path).status_code == 204
    assert listed(buyer_client) == []


def test_a_key_cannot_manage_them(buyer, key_client):
    answer = key_client(buyer).get(WEBHOOKS)
    assert (answer.status_code, error_code(answer)) == (403, "API_KEY_NOT_ALLOWED")
