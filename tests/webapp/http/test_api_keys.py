"""What a request with an API key reaches: what names its scope, and nothing else."""

import re
import secrets

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests import making
from tests.statements import statements
from tests.webapp.conftest import error_code, key_client_of, signed_in_client
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.api_key import ApiKey, Scope
from webapp.domain.models.generation import Generation
from webapp.domain.services import collections
from webapp.http.buckets import KEYS, SIGNED_IN
from webapp.http.endpoints import Access, endpoint_of

API = "/api/v1"
WRONG = "sl_" + "0" * 40
# Sign-in, the account, keys, administration, payments, Sets, workers, and what only browsers use.
CLOSED = (
    *("accounts", "google", "api_keys", "admin", "payments", "reports", "docs"),
    *("notifications", "notification_settings", "webhooks", "webhook_aliases"),
    *("sets_accounts", "sets_callbacks", "sets_exports", "sets_instances", "sets_jobs"),
    *("sets_presets", "sets_purchases", "sets_rules"),
)


def routes(app):
    """Every method of every route of pages and API, with its record and an example of its path."""
    for rule in app.url_map.iter_rules():
        endpoint = endpoint_of(app.view_functions[rule.endpoint])
        if rule.endpoint == "static" or endpoint.is_uncounted:
            continue
        values = {
            name: next(iter(sorted(part.items)), "1") if hasattr(part, "items") else "1"
            for name, part in rule._converters.items()
        }
        path = re.sub(
            r"<(?:[^:<>]*:)?(\w+)>", lambda part, values=values: values[part[1]], rule.rule
        )
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule, endpoint, method, path


@pytest.fixture
def admin_key(app, session):
    """A key with all scopes of somebody who may do everything in a browser."""
    person = session.get(User, making.artist(session).user_id)
    person.role = "admin"
    return key_client_of(app, session, person, *Scope)


def test_these_nouns_name_no_scope_and_no_page_does(app):
    scoped = {rule.endpoint for rule, endpoint, _, _ in routes(app) if endpoint.scope is not None}
    nouns = {name.split(".")[1] for name in scoped}
    assert nouns & set(CLOSED) == set()
    assert {name.split(".")[0] for name in scoped} == {"api", "api_v1"}
    known = {rule.endpoint.split(".")[1] for rule, _, _, _ in routes(app) if "." in rule.endpoint}
    assert set(CLOSED) - {"docs"} <= known


def test_what_changes_something_names_a_scope_that_says_so(app):
    reading = {
        rule.endpoint
        for rule, endpoint, method, _ in routes(app)
        if endpoint.scope is Scope.READ and method != "GET"
    }
    names = {
        f"{api}.{view}"
        for api in ("api", "api_v1")
        for view in ("generations.preview", "verifications.verify")
    }
    assert reading == names
    writing = {
        rule.endpoint
        for rule, endpoint, method, _ in routes(app)
        if endpoint.scope in {Scope.ORDER, Scope.MANAGE} and method == "GET"
    }
    assert writing == set()
    orders = {
        rule.endpoint.partition(".")[2]
        for rule, endpoint, _, _ in routes(app)
        if endpoint.scope is Scope.ORDER
    }
    assert orders == {"generations.create", "generations.cancel"}


def test_every_route_without_a_scope_refuses_every_key(app, session, admin_key, monkeypatch):
    monkeypatch.setattr(app, "test_client_class", FlaskClient)
    headers = {"Authorization": f"Bearer {admin_key.token}", "Accept": "application/json"}
    before = session.scalar(select(func.count()).select_from(ApiKey))
    wrong = []
    for rule, endpoint, method, path in routes(app):
        if endpoint.scope is not None:
            continue
        answer = app.test_client().open(path, method=method, headers=headers)
        internal = endpoint.access is Access.INTERNAL
        code = "CALLBACK_UNAUTHORIZED" if internal else "API_KEY_NOT_ALLOWED"
        if answer.status_code != 403 or (answer.is_json and error_code(answer) != code):
            wrong.append((method, rule.rule, answer.status_code))
    assert wrong == []
    assert session.scalar(select(func.count()).select_from(ApiKey)) == before


def test_every_route_with_a_scope_asks_for_it_and_for_a_valid_key(app, session):
    reader = key_client_of(app, session, making.user(session))
    wrong, found = [], 0
    for rule, endpoint, method, path in routes(app):
        if endpoint.scope is None:
            continue
        found += 1
        refused = app.test_client().open(
            path, method=method, headers={"Authorization": f"Bearer {WRONG}"}
        )
        if (refused.status_code, error_code(refused)) != (401, "API_KEY_INVALID"):
            wrong.append((method, rule.rule, refused.status_code))
        if endpoint.scope is not Scope.READ:
            refused = reader.open(path, method=method)
            details = {"scope": endpoint.scope.value, "scopes": ["read"]}
            if (error_code(refused), refused.json["error"]["details"]) != (
                "API_KEY_SCOPE_MISSING",
                details,
            ):
                wrong.append((method, rule.rule, refused.status_code))
    assert wrong == []
    assert found > 100


def test_a_program_orders_follows_and_reads_its_picture(buyer, key_client, style):
    client = key_client(buyer, Scope.ORDER)
    body = {"style_id": style.id, "prompt_tags": ["boat"]}
    headers = {"Idempotency-Key": "order-0001"}
    first, second = (client.post(f"{API}/generations", json=body, headers=headers) for _ in "ab")
    assert (first.status_code, second.headers["Idempotent-Replayed"]) == (201, "true")
    path = f"{API}/generations/{first.json['data']['id']}"
    assert client.get(path).json["data"]["price_tokens"] == 10
    assert client.get(f"{API}/tokens/balance").json["data"]["escrowed_tokens"] == 10
    assert client.post(f"{path}/cancel").json["data"]["status"] == "canceled"


def test_a_program_of_an_artist_manages_without_a_csrf_token(artist, session, key_client, style):
    client = key_client(session.get(User, artist.user_id), Scope.MANAGE)
    answer = client.patch(f"{API}/styles/{style.id}", json={"price_tokens": 25})
    assert answer.json["data"]["price_tokens"] == 25
    made = client.post(f"{API}/collections", json={"name": "Harbours"})
    assert made.status_code == 201


def test_the_role_is_still_asked_for(buyer, key_client):
    client = key_client(buyer, *Scope)
    assert error_code(client.get(f"{API}/styles/me")) == "ARTIST_ONLY"


def test_a_worker_of_a_shared_path_is_not_taken_for_a_program_and_the_other_way_round(
    buyer, key_client, image
):
    client = key_client(buyer, Scope.MANAGE)
    for name in ("generations", "images"):
        answer = client.patch(f"{API}/{name}/{image.id}", json={"description": "Evening"})
        assert answer.json["data"]["description"] == "Evening"
    client.token = "not a key"
    refused = client.patch(f"{API}/generations/{image.id}", json={"description": "Night"})
    assert error_code(refused) == "CALLBACK_UNAUTHORIZED"


def test_a_request_with_a_cookie_and_a_key_follows_the_key(
    app, session, buyer, artist_client, key_client
):
    artist_client.token = key_client(buyer).token
    artist_client.csrf_token = None
    answer = artist_client.get(f"{API}/tokens/balance")
    assert answer.json["data"]["user_id"] == buyer.id
    assert error_code(artist_client.get(f"{API}/styles/me")) == "ARTIST_ONLY"
    artist_client.token = WRONG
    for path in ("tokens/balance", "styles"):
        refused = artist_client.get(f"{API}/{path}")
        assert (refused.status_code, error_code(refused)) == (401, "API_KEY_INVALID")
    refused = artist_client.post(f"{API}/auth/logout")
    assert error_code(refused) == "API_KEY_NOT_ALLOWED"
    assert session.scalar(select(func.count()).where(SignIn.ended_at.is_not(None))) == 0


def test_an_answer_to_a_key_sets_no_cookie(buyer, key_client):
    for path in ("styles", "tokens/balance", "auth/me"):
        answer = key_client(buyer).get(f"{API}/{path}")
        assert "Set-Cookie" not in answer.headers


def test_a_key_that_ran_out_or_was_revoked_gets_its_own_code_at_once(
    buyer, buyer_client, session, key_client
):
    client = key_client(buyer)
    assert client.get(f"{API}/styles").status_code == 200
    session.execute(update(ApiKey).values(expires_at=func.clock_timestamp()))
    session.commit()
    answer = client.get(f"{API}/styles")
    assert (answer.status_code, error_code(answer)) == (401, "API_KEY_EXPIRED")
    key_id = session.scalar(select(ApiKey.id))
    assert buyer_client.delete(f"{API}/keys/{key_id}").status_code == 204
    answer = client.get(f"{API}/styles")
    assert (answer.status_code, error_code(answer)) == (401, "API_KEY_INVALID")


def test_a_key_of_a_closed_account_is_refused_on_public_routes_too(buyer, session, key_client):
    client = key_client(buyer)
    session.execute(update(User).where(User.id == buyer.id).values(is_active=False))
    session.commit()
    answer = client.get(f"{API}/styles")
    assert (answer.status_code, error_code(answer)) == (403, "ACCOUNT_INACTIVE")


@pytest.mark.parametrize(
    "sent", ["Bearer sl_", "bearer sl_x", "BEARER  sl_ünï", f"Bearer {WRONG}{'0' * 9000}"]
)
def test_whatever_looks_like_a_key_is_taken_for_one(client, sent):
    answer = client.get(f"{API}/styles", headers={"Authorization": sent})
    assert (answer.status_code, error_code(answer)) == (401, "API_KEY_INVALID")


@pytest.mark.parametrize("sent", ["Basic c2xfOg==", "sl_" + "0" * 40, "Bearer xyz", "Bearer"])
def test_another_header_is_no_key(client, buyer_client, sent):
    headers = {"Authorization": sent}
    assert client.get(f"{API}/styles", headers=headers).status_code == 200
    assert buyer_client.get(f"{API}/tokens/balance", headers=headers).status_code == 200


def test_an_administrator_with_a_key_sees_what_others_see(app, session, admin_key, ordered, buyer):
    refused = admin_key.get(f"{API}/generations/{ordered.id}")
    assert error_code(refused) == "GENERATION_NOT_FOUND"
    refused = admin_key.patch(f"{API}/generations/{ordered.id}", json={"is_public": True})
    assert refused.status_code in {403, 404}
    collection_id = collections.create(session, user=buyer, name="Harbours")
    session.commit()
    refused = admin_key.get(f"{API}/collections/{collection_id}")
    assert error_code(refused) == "COLLECTION_NOT_FOUND"


def test_signed_urls_and_probes_ask_nobody_who_calls(buyer, key_client, image):
    client = key_client(buyer)
    led = client.get(f"{API}/generations/{image.id}/image")
    assert led.status_code == 302
    assert client.get(led.headers["Location"]).status_code == 200
    assert client.get("/healthz").status_code == 200
    client.token = WRONG
    assert client.get(led.headers["Location"]).status_code == 200


def test_a_page_refuses_a_key_in_words_and_shows_nothing_of_its_person(buyer, key_client):
    answer = key_client(buyer).get("/me", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "API keys cannot be used here." in answer.text
    assert buyer.username not in answer.text


def test_signing_out_does_not_revoke_keys(buyer, buyer_client, key_client):
    client = key_client(buyer)
    buyer_client.post(f"{API}/auth/logout")
    assert client.get(f"{API}/tokens/balance").status_code == 200


def test_a_key_costs_one_statement_and_on_its_first_request_of_a_day_one_more(
    session, buyer, buyer_client, key_client
):
    def asked(client):
        with statements(session) as sent:
            assert client.get(f"{API}/tokens/balance").status_code == 200
        return len(sent)

    client = key_client(buyer)
    in_a_browser = asked(buyer_client)
    assert asked(client) == in_a_browser + 1
    assert asked(client) == in_a_browser


def test_a_refused_request_is_no_use_of_a_key(session, buyer, key_client):
    client = key_client(buyer)
    client.post(f"{API}/generations", json={})
    client.get(f"{API}/auth/me")
    assert session.scalar(select(ApiKey.last_used_on)) is None


def test_a_key_has_a_limit_within_that_of_its_person(limited_app, session):
    person = making.user(session, id=secrets.randbits(60))
    first, second = (key_client_of(limited_app, session, person) for _ in range(2))
    session.execute(update(ApiKey).values(id=ApiKey.id + secrets.randbits(60)))
    session.commit()
    codes = [first.get(f"{API}/styles").status_code for _ in range(KEYS.limit.amount + 1)]
    assert codes == [200] * KEYS.limit.amount + [429]
    left = SIGNED_IN.limit.amount - KEYS.limit.amount - 1
    codes = [second.get(f"{API}/styles").status_code for _ in range(left + 1)]
    assert codes == [200] * left + [429]
    browser = signed_in_client(limited_app, session, person)
    assert browser.get("/me").status_code == 200, "pages that are read have a limit of their own"


def test_images_are_counted_by_person_whichever_key_orders_them(limited_app, session, style):
    person = making.user(session, id=secrets.randbits(60))
    first, second = (key_client_of(limited_app, session, person, Scope.ORDER) for _ in range(2))
    session.execute(update(ApiKey).values(id=ApiKey.id + secrets.randbits(60)))
    session.commit()
    body = {"style_id": style.id, "prompt_tags": ["boat"]}
    assert first.post(f"{API}/generations", json=body | {"count": 4}).status_code == 201
    refused = second.post(f"{API}/generations", json=body | {"count": 3})
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMIT_EXCEEDED")
    assert session.scalar(select(func.count()).select_from(Generation)) == 4


def test_wrong_keys_are_counted_by_address(limited_app):
    address = {"REMOTE_ADDR": f"2001:db8::{secrets.token_hex(2)}:{secrets.token_hex(2)}"}
    headers = {"Authorization": f"Bearer {WRONG}"}
    codes = [
        limited_app.test_client().get(f"{API}/styles", headers=headers, environ_base=address)
        for _ in range(51)
    ]
    assert [each.status_code for each in codes] == [401] * 50 + [429]
