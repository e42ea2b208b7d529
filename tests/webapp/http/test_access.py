from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.conftest import WORKER_HEADERS, error_code, make_app
from webapp.domain.models.account import Artist, SignIn, User
from webapp.domain.models.generation import Generation

UPGRADE = "/api/v1/users/me/upgrade-to-artist"


def test_a_route_for_signed_in_users_needs_a_session(client):
    response = client.get("/api/v1/auth/me")
    assert (response.status_code, error_code(response)) == (401, "UNAUTHORIZED")


def test_an_ended_session_is_expired_even_with_its_cookie(buyer_client):
    cookie = buyer_client.get_cookie("session").value
    assert buyer_client.post("/api/v1/auth/logout").json["data"] == {"logged_out": True}
    buyer_client.set_cookie("session", cookie)
    response = buyer_client.get("/api/v1/auth/me")
    assert (response.status_code, error_code(response)) == (401, "SESSION_EXPIRED")


def test_a_session_that_ran_out_is_expired(buyer_client, session):
    session.execute(update(SignIn).values(expires_at=func.now() - timedelta(seconds=1)))
    session.commit()
    assert error_code(buyer_client.get("/api/v1/auth/me")) == "SESSION_EXPIRED"


def test_an_expired_session_counts_as_none_on_a_public_route(buyer_client, session, style):
    session.execute(update(SignIn).values(ended_at=func.now()))
    session.commit()
    assert buyer_client.get(f"/api/v1/styles/{style.id}").status_code == 200


def test_a_closed_account_gets_its_own_error_and_can_read_public_routes(
    buyer_client, session, buyer
):
    session.execute(update(User).where(User.id == buyer.id).values(is_active=False))
    session.commit()
    response = buyer_client.get("/api/v1/auth/me")
    assert (response.status_code, error_code(response)) == (403, "ACCOUNT_INACTIVE")
    assert buyer_client.get("/api/v1/styles").status_code == 200


@pytest.mark.parametrize("cookie", ["nonsense", "eyJzaWduX2luIjoiMSJ9.aaaa.bbbb", ""])
def test_a_forged_cookie_is_unauthorized(client, cookie):
    client.set_cookie("session", cookie)
    assert error_code(client.get("/api/v1/auth/me")) == "UNAUTHORIZED"


def test_an_unsafe_request_without_the_csrf_token_changes_nothing(buyer_client, session, style):
    for token in (None, "", "wrong", "ünïcode"):
        buyer_client.csrf_token = token
        response = buyer_client.post(
            "/api/v1/generations", json={"style_id": style.id, "prompt_tags": ["boat"]}
        )
        assert (response.status_code, error_code(response)) == (403, "CSRF_FAILED")
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_the_csrf_token_of_one_session_is_refused_in_another(buyer_client, artist_client):
    buyer_client.csrf_token = artist_client.csrf_token
    assert error_code(buyer_client.post("/api/v1/auth/logout")) == "CSRF_FAILED"


def test_the_csrf_cookie_is_readable_and_holds_the_token(buyer_client):
    token = buyer_client.get("/api/v1/auth/csrf").json["data"]["csrf_token"]
    cookie = buyer_client.get_cookie("csrftoken")
    assert token == cookie.value == buyer_client.csrf_token
    assert not cookie.http_only
    assert cookie.same_site == "Lax"


def test_authentication_comes_before_csrf_and_csrf_before_role(client, buyer_client):
    assert error_code(client.post("/api/v1/styles", json={})) == "UNAUTHORIZED"
    token, buyer_client.csrf_token = buyer_client.csrf_token, None
    assert error_code(buyer_client.post("/api/v1/styles", json={})) == "CSRF_FAILED"
    buyer_client.csrf_token = token
    assert error_code(buyer_client.post("/api/v1/styles", json={})) == "ARTIST_ONLY"


def test_body_shape_comes_before_existence_and_existence_before_money(buyer_client, style):
    no_tags = buyer_client.post("/api/v1/generations", json={"style_id": 10**9})
    assert error_code(no_tags) == "VALIDATION_ERROR"
    body = {"style_id": 10**9, "prompt_tags": ["boat"]}
    assert error_code(buyer_client.post("/api/v1/generations", json=body)) == "STYLE_NOT_FOUND"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Request-Source": "inference-server"},
        {"X-Request-Source": "inference-server", "Authorization": "Bearer wrong"},
        {"X-Request-Source": "inference-server", "Authorization": "Bearer ünï"},
        WORKER_HEADERS,
        WORKER_HEADERS | {"X-Request-Source": "training-server"},
    ],
)
def test_a_webhook_without_token_and_source_is_refused_and_changes_nothing(
    client, session, ordered, headers
):
    response = client.post(
        "/api/v1/webhooks/inference/failed",
        json={"generation_id": ordered.id, "attempt": 1, "error_code": "INVALID_PROMPT"},
        headers=headers,
    )
    assert (response.status_code, error_code(response)) == (403, "CALLBACK_UNAUTHORIZED")
    session.refresh(ordered)
    assert ordered.status == "queued"


@pytest.mark.parametrize(
    "networks, address, status",
    [
        ('["10.1.0.0/16", "2001:db8::/32"]', "10.1.2.3", 200),
        ('["10.1.0.0/16", "2001:db8::/32"]', "2001:db8::7", 200),
        ('["10.1.0.0/16"]', "::ffff:10.1.2.3", 200),
        ('["192.0.2.7"]', "192.0.2.7", 200),
        ('["192.0.2.7"]', "192.0.2.8", 403),
        ('["10.1.0.0/16"]', "10.2.0.1", 403),
        ('["10.1.0.0/16"]', "2001:db8::7", 403),
        ('["10.1.0.0/16"]', "", 403),
        ("[]", "10.2.0.1", 200),
    ],
)
def test_workers_call_from_the_networks_of_the_list_or_from_anywhere_without_one(
    bind, storage, monkeypatch, networks, address, status
):
    app = bind(make_app(monkeypatch, INTERNAL_NETWORKS=networks))
    answer = app.test_client().post(
        "/api/v1/webhooks/claim",
        json={"worker": "w", "kinds": ["generation"]},
        headers=WORKER_HEADERS | {"X-Request-Source": "inference-server"},
        environ_base={"REMOTE_ADDR": address},
    )
    assert answer.status_code == status
    if status == 403:
        assert error_code(answer) == "CALLBACK_UNAUTHORIZED"


def test_a_forwarded_address_counts_only_behind_a_trusted_proxy(bind, storage, monkeypatch):
    def claim(**settings):
        app = bind(make_app(monkeypatch, INTERNAL_NETWORKS='["10.1.0.0/16"]', **settings))
        return app.test_client().post(
            "/api/v1/webhooks/claim",
            json={"worker": "w", "kinds": ["generation"]},
            headers=WORKER_HEADERS
            | {"X-Request-Source": "inference-server", "X-Forwarded-For": "10.1.2.3"},
            environ_base={"REMOTE_ADDR": "192.0.2.1"},
        )

    assert claim().status_code == 403
    assert claim(TRUSTED_PROXIES="1").status_code == 200


def test_an_administrator_sees_what_is_private(sign_in, session, ordered):
    admin = making.user(session, role="admin")
    answer = sign_in(admin).get(f"/api/v1/generations/{ordered.id}")
    assert answer.json["data"]["price_tokens"] == 10


def test_a_form_with_files_carries_the_token_in_a_field(buyer_client, buyer, session):
    def change(token):
        data = {"csrf_token": token, "bio": "I draw."}
        return buyer_client.patch("/api/v1/users/me", data=data, content_type="multipart/form-data")

    token, buyer_client.csrf_token = buyer_client.csrf_token, None
    assert change("forged").status_code == change("").status_code == 403
    assert change(token).status_code == 200
    session.refresh(buyer)
    assert buyer.bio == "I draw."


def test_becoming_an_artist_needs_the_token_too(buyer_client, session):
    buyer_client.csrf_token = None
    assert buyer_client.post(UPGRADE, json={}).status_code == 403
    assert session.scalar(select(func.count()).select_from(Artist)) == 0
