"""The sandbox answers what Google answers, in each step of the authorization-code flow."""

import base64
import hashlib
import os
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask, redirect, url_for
from flask.testing import FlaskClient
from flask_dance.contrib.google import google, make_google_blueprint

from webapp.sandbox import google as sandbox, google_grants

AUTH = "/o/oauth2/auth"
TOKEN = "/o/oauth2/token"
CALLBACK = "http://localhost:8000/auth/google/authorized"
QUERY = {
    "client_id": "us",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid https://www.googleapis.com/auth/userinfo.email",
    "state": "xyz",
}
CLIENT = {"client_id": "us", "client_secret": "our secret"}


@pytest.fixture
def client() -> FlaskClient:
    return sandbox.create_app(client_id="us", client_secret="our secret").test_client()


def answer_of(response) -> dict[str, str]:
    assert response.status_code == 302
    assert response.location.startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(response.location).query).items()}


def approve(client: FlaskClient, email: str = "mina.artist@example.com", **more: str) -> str:
    form = QUERY | {"decision": "approve", "email": email, "name": "Mina Park"} | more
    answer = answer_of(client.post(AUTH, data=form))
    assert answer["state"] == "xyz"
    return answer["code"]


def exchange(client: FlaskClient, code: str, **changes: str):
    form = CLIENT | {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return client.post(TOKEN, data=form | changes)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_page_offers_each_test_person_a_free_form_and_a_way_out(client: FlaskClient) -> None:
    page = client.get(AUTH, query_string=QUERY).text
    for person in google_grants.PEOPLE:
        assert person.email in page
    assert 'type="email"' in page
    assert 'value="deny"' in page
    assert page.count('name="state" value="xyz"') == len(google_grants.PEOPLE) + 2


def test_the_page_escapes_what_it_was_given(client: FlaskClient) -> None:
    page = client.get(AUTH, query_string=QUERY | {"state": '"><script>x'}).text
    assert "<script" not in page


def test_the_whole_flow_tells_who_signed_in(client: FlaskClient) -> None:
    answer = exchange(client, approve(client))
    assert answer.status_code == 200
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 3600
    assert answer.json["scope"] == QUERY["scope"]
    headers = bearer(answer.json["access_token"])
    person = client.get("/oauth2/v3/userinfo", headers=headers).json
    assert person["email"] == "mina.artist@example.com"
    assert person["email_verified"] is True
    assert person["name"] == "Mina Park"
    assert len(person["sub"]) == 21
    older = client.get("/oauth2/v2/userinfo", headers=headers).json
    assert (older["id"], older["verified_email"]) == (person["sub"], True)
    picture = client.get(urlsplit(person["picture"]).path)
    assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")


def test_basic_authorization_of_the_client_works_too(client: FlaskClient) -> None:
    form = {"grant_type": "authorization_code", "code": approve(client), "redirect_uri": CALLBACK}
    assert client.post(TOKEN, data=form, auth=("us", "our secret")).status_code == 200


def test_a_person_keeps_one_identity_and_two_people_have_two(client: FlaskClient) -> None:
    def subject(email: str) -> str:
        token = exchange(client, approve(client, email)).json["access_token"]
        return client.get("/oauth2/v3/userinfo", headers=bearer(token)).json["sub"]

    assert subject("a@example.com") == subject("A@Example.com")
    assert subject("a@example.com") != subject("b@example.com")


def test_a_login_hint_signs_in_by_http_alone(client: FlaskClient) -> None:
    query = QUERY | {"login_hint": "theo.artist@example.com"}
    answer = answer_of(client.get(AUTH, query_string=query))
    assert answer["state"] == "xyz"
    token = exchange(client, answer["code"]).json["access_token"]
    person = client.get("/oauth2/v3/userinfo", headers=bearer(token)).json
    assert (person["email"], person["name"]) == ("theo.artist@example.com", "Theo Lindqvist")


def test_a_login_hint_may_bring_a_name(client: FlaskClient) -> None:
    query = QUERY | {"login_hint": "new@example.com", "name": "김하나"}
    token = exchange(client, answer_of(client.get(AUTH, query_string=query))["code"])
    person = client.get("/oauth2/v3/userinfo", headers=bearer(token.json["access_token"])).json
    assert person["name"] == "김하나"
    assert client.get(urlsplit(person["picture"]).path).status_code == 200


def test_saying_no_goes_back_with_access_denied(client: FlaskClient) -> None:
    answer = answer_of(client.post(AUTH, data=QUERY | {"decision": "deny"}))
    assert answer == {"state": "xyz", "error": "access_denied"}


def test_a_code_works_once(client: FlaskClient) -> None:
    code = approve(client)
    assert exchange(client, code).status_code == 200
    replayed = exchange(client, code)
    assert (replayed.status_code, replayed.json["error"]) == (400, "invalid_grant")


def test_a_wrong_client_secret_is_401_and_leaves_the_code_alone(client: FlaskClient) -> None:
    code = approve(client)
    refused = exchange(client, code, client_secret="guess")
    assert (refused.status_code, refused.json["error"]) == (401, "invalid_client")
    basic = client.post(TOKEN, data={"code": code}, auth=("us", "guess"))
    assert basic.status_code == 401
    assert exchange(client, code).status_code == 200


def test_a_code_for_one_address_is_refused_at_another(client: FlaskClient) -> None:
    refused = exchange(client, approve(client), redirect_uri=CALLBACK + "/elsewhere")
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")


def test_only_authorization_codes_are_granted(client: FlaskClient) -> None:
    refused = exchange(client, approve(client), grant_type="password")
    assert (refused.status_code, refused.json["error"]) == (400, "unsupported_grant_type")


def test_codes_and_tokens_expire(monkeypatch: pytest.MonkeyPatch, client: FlaskClient) -> None:
    code, kept = approve(client), approve(client)
    token = exchange(client, kept).json["access_token"]
    now = google_grants.time.monotonic()
    monkeypatch.setattr(google_grants.time, "monotonic", lambda: now + 61)
    assert exchange(client, code).status_code == 400
    assert client.get("/oauth2/v3/userinfo", headers=bearer(token)).status_code == 200
    monkeypatch.setattr(google_grants.time, "monotonic", lambda: now + 3601)
    assert client.get("/oauth2/v3/userinfo", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize("headers", [{}, bearer("forged"), {"Authorization": "Basic eDp5"}])
def test_without_a_token_nobody_is_told_anything(client: FlaskClient, headers) -> None:
    for path in ("/oauth2/v3/userinfo", "/oauth2/v2/userinfo"):
        refused = client.get(path, headers=headers)
        assert refused.status_code == 401
        assert "email" not in refused.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "them"},
        {"response_type": "token"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": ""},
    ],
)
def test_a_wrong_request_is_refused_without_a_redirect(client: FlaskClient, changes) -> None:
    assert client.get(AUTH, query_string=QUERY | changes).status_code == 400
    assert client.post(AUTH, data=QUERY | changes | {"decision": "approve"}).status_code == 400


@pytest.mark.parametrize("email", ["", "nobody", "@example.com", "a@"])
def test_a_person_needs_an_address(client: FlaskClient, email: str) -> None:
    form = QUERY | {"decision": "approve", "email": email}
    assert client.post(AUTH, data=form).status_code == 400


def test_a_code_bound_to_a_verifier_needs_it(client: FlaskClient) -> None:
    digest = hashlib.sha256(b"the verifier").digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert exchange(client, approve(client, code_challenge=challenge)).status_code == 400
    code = approve(client, code_challenge=challenge)
    assert exchange(client, code, code_verifier="the verifier").status_code == 200


def test_no_cookie_is_ever_set(client: FlaskClient) -> None:
    for response in (
        client.get(AUTH, query_string=QUERY),
        client.post(AUTH, data=QUERY | {"decision": "approve", "email": "a@example.com"}),
    ):
        assert "Set-Cookie" not in response.headers


def test_the_client_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "from the environment")
    answer = sandbox.create_app().test_client()
    assert answer.get(AUTH, query_string=QUERY).status_code == 400
    query = QUERY | {"client_id": "from the environment"}
    assert answer.get(AUTH, query_string=query).status_code == 200


def test_flask_dance_signs_in_here_as_it_does_at_google(
    monkeypatch: pytest.MonkeyPatch, google_server: str
) -> None:
    monkeypatch.setitem(os.environ, "OAUTHLIB_INSECURE_TRANSPORT", "1")
    scope = ["openid"] + [
        f"https://www.googleapis.com/auth/userinfo.{part}" for part in ("email", "profile")
    ]
    blueprint = make_google_blueprint(
        client_id="us", client_secret="our secret", scope=scope, redirect_to="who"
    )
    blueprint.base_url = google_server
    blueprint.authorization_url = google_server + AUTH
    blueprint.token_url = google_server + TOKEN
    app = Flask("consumer")
    app.secret_key = "key"
    app.register_blueprint(blueprint, url_prefix="/login")

    @app.get("/who")
    def who():
        if not google.authorized:
            return redirect(url_for("google.login"))
        return google.get("/oauth2/v2/userinfo").json()

    browser = app.test_client()
    asked = browser.get("/login/google")
    assert asked.location.startswith(google_server + AUTH)
    at_google = sandbox_answer(asked.location + "&login_hint=jun.buyer@example.com")
    came_back = browser.get(urlsplit(at_google).path + "?" + urlsplit(at_google).query)
    assert came_back.location.endswith("/who")
    assert browser.get("/who").json["email"] == "jun.buyer@example.com"


def sandbox_answer(url: str) -> str:
    return httpx.get(url).headers["location"]
