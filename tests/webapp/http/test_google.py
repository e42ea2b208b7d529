import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from flask import jsonify
from limits.storage import MemoryStorage
from sqlalchemy import func, select, update

from tests.database import at_once
from tests.serving import served
from tests.webapp.conftest import error_code, make_app
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.ledger import Transfer
from webapp.http.google import local_path
from webapp.http.rate_limits import RateLimits
from webapp.sandbox import google as sandbox_google
from webapp.sandbox.google import create_app as create_sandbox

LOGIN = "/api/v1/auth/google/login"


@pytest.fixture(scope="module")
def google() -> Iterator[str]:
    """The sandbox provider as a real server."""
    sandbox = create_sandbox(client_id="client", client_secret="secret")
    with served(sandbox) as url:
        yield url


@pytest.fixture
def site(bind, storage, shared_apps, monkeypatch, google):
    return bind(shared_apps.get(monkeypatch, GOOGLE_BASE_URL=google))


def callback_path(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def approve(login_location: str, email: str = "mina@example.com") -> str:
    """Choose an account at the provider; return the path that it redirects to."""
    answer = requests.get(
        login_location + "&" + urlencode({"login_hint": email, "name": "Mina Park"}),
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code == 302
    return callback_path(answer.headers["Location"])


def sign_in(client, email: str = "mina@example.com", next_path: str = "/"):
    started = client.get(LOGIN, query_string={"next": next_path})
    assert started.status_code == 302
    return client.get(approve(started.location, email))


def test_the_first_sign_in_creates_an_account_with_one_bonus(site, session):
    client = site.test_client()
    assert sign_in(client, next_path="/styles?sort=popular").location == "/styles?sort=popular"
    me = client.get("/api/v1/auth/me").json["data"]
    assert (me["username"], me["email"]) == ("Mina_Park", "mina@example.com")
    assert (me["token_balance"], me["role"], me["artist"]) == (100, "user", None)
    again = site.test_client()
    sign_in(again)
    assert again.get("/api/v1/auth/me").json["data"]["id"] == me["id"]
    rows = again.get("/api/v1/tokens/transactions").json["data"]["results"]
    assert [row["type"] for row in rows] == ["bonus"]


def test_a_sign_in_that_began_before_the_key_changed_is_completed(
    bind, storage, shared_apps, monkeypatch, google, site
):
    before, old = site.test_client(), site.secret_key
    started = before.get(LOGIN, query_string={"next": "/wallet"})
    [cookie] = [each for key, each in before._cookies.items() if "sign_in_" in key[2]]
    changed = {"GOOGLE_BASE_URL": google, "SECRET_KEY": "the key that was drawn at the rotation"}
    arrived = {}
    for name, fallbacks in (("late", []), ("during", [old])):
        variables = changed | {"SECRET_KEY_FALLBACKS": json.dumps(fallbacks)}
        after = bind(shared_apps.get(monkeypatch, **variables)).test_client()
        after.set_cookie(cookie.key, cookie.value, path=cookie.path)
        arrived[name] = after.get(approve(started.location)).location
    assert arrived == {"late": "/login?error=invalid_state", "during": "/wallet"}


def test_the_session_cookie_is_http_only_and_same_site_and_lasts_two_weeks(site):
    client = site.test_client()
    cookie = next(
        line
        for line in sign_in(client).headers.getlist("Set-Cookie")
        if line.startswith("session=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    expires = client.get_cookie("session").expires
    assert 13.9 < (expires.timestamp() - time.time()) / 86400 < 14.1
    assert client.get_cookie("csrftoken").value


def test_only_the_first_sign_in_of_an_account_begins_the_tour_and_names_its_tokens(site):
    first, again = site.test_client(), site.test_client()
    sign_in(first)
    me = first.get("/api/v1/auth/me").json["data"]["id"]
    assert first.get_cookie("tour").value == str(me)
    assert "100 tokens are yours." in first.get("/styles").text
    sign_in(again)
    assert again.get_cookie("tour") is None
    assert "tokens are yours." not in again.get("/styles").text


@contextmanager
def unverified():
    """While the provider says of every address that it is not verified."""
    told = sandbox_google._userinfo

    def tell(**names):
        answer, status = told(**names)
        return jsonify(answer.get_json() | {"email_verified": False}), status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox_google, "_userinfo", tell)
        yield


def test_no_account_begins_with_an_address_that_is_not_verified(site, session):
    client = site.test_client()
    with unverified():
        assert sign_in(client).location == "/login?error=address_not_verified"
    assert "has not verified" in client.get("/login?error=address_not_verified").text
    assert error_code(client.get("/api/v1/auth/me")) == "UNAUTHORIZED"
    assert session.scalar(select(func.count()).select_from(User)) == 0


def test_an_account_takes_another_address_only_if_it_is_verified(site, session):
    sign_in(site.test_client())
    session.execute(update(User).values(email="old@example.com"))
    session.commit()

    def address_after_sign_in() -> str:
        client = site.test_client()
        assert sign_in(client).location == "/"
        return client.get("/api/v1/auth/me").json["data"]["email"]

    with unverified():
        assert address_after_sign_in() == "old@example.com"
    assert address_after_sign_in() == "mina@example.com"


def test_sign_in_discards_the_values_of_the_old_session(site):
    client = site.test_client()
    with client.session_transaction() as cookie:
        cookie["planted"] = "by an attacker"
    sign_in(client)
    with client.session_transaction() as cookie:
        assert set(cookie) == {"sign_in", "_permanent", "welcome"}


def test_two_sign_ins_are_two_sessions_and_signing_out_ends_one(site):
    first, second = site.test_client(), site.test_client()
    sign_in(first)
    sign_in(second)
    first.csrf_token = first.get_cookie("csrftoken").value
    assert first.post("/api/v1/auth/logout").status_code == 200
    assert first.get("/api/v1/auth/me").status_code == 401
    assert second.get("/api/v1/auth/me").status_code == 200


def test_the_authorization_request_has_state_pkce_and_the_registered_address(site):
    parameters = parse_qs(urlsplit(site.test_client().get(LOGIN).location).query)
    assert parameters["redirect_uri"] == ["http://localhost:8000/api/v1/auth/google/callback"]
    assert parameters["code_challenge_method"] == ["S256"]
    assert parameters["code_challenge"][0]
    assert len(parameters["state"][0]) >= 20
    forged = site.test_client().get(LOGIN, headers={"Host": "evil.example"}).location
    assert parse_qs(urlsplit(forged).query)["redirect_uri"] == parameters["redirect_uri"]


def reason(response) -> str:
    assert response.status_code == 302
    parts = urlsplit(response.location)
    assert parts.path == "/login"
    return parse_qs(parts.query)["error"][0]


def test_a_state_of_another_browser_is_refused(site, session):
    stolen = approve(site.test_client().get(LOGIN).location)
    assert reason(site.test_client().get(stolen)) == "invalid_state"
    victim = site.test_client()
    victim.get(LOGIN)
    assert reason(victim.get(stolen)) == "invalid_state"
    assert session.scalar(select(func.count()).select_from(User)) == 0


def test_a_callback_works_once(site):
    client = site.test_client()
    callback = approve(client.get(LOGIN).location)
    assert client.get(callback).location == "/"
    assert reason(client.get(callback)) == "invalid_state"


def test_two_tabs_of_one_browser_both_sign_in(site):
    client = site.test_client()
    first = client.get(LOGIN, query_string={"next": "/styles"}).location
    second = client.get(LOGIN, query_string={"next": "/wallet"}).location
    targets = [client.get(approve(each)).location for each in (second, first)]
    assert targets == ["/wallet", "/styles"]
    assert client.get("/api/v1/auth/me").status_code == 200


def test_a_state_older_than_ten_minutes_is_refused(site, monkeypatch):
    client = site.test_client()
    callback = approve(client.get(LOGIN).location)
    monkeypatch.setattr("webapp.http.google.STATE_SECONDS", -1)
    assert reason(client.get(callback)) == "invalid_state"


def test_each_way_to_fail_has_its_reason(site, session, monkeypatch):
    client = site.test_client()
    client.get(LOGIN)
    assert reason(client.get("/api/v1/auth/google/callback?error=access_denied")) == "access_denied"
    client.get(LOGIN)
    assert reason(client.get("/api/v1/auth/google/callback?error=teapot")) == "server_error"
    client.get(LOGIN)
    assert reason(client.get("/api/v1/auth/google/callback?state=x")) == "no_code"
    sign_in(client)
    session.execute(update(User).values(is_active=False))
    session.commit()
    assert reason(sign_in(site.test_client())) == "account_inactive"


def test_an_unknown_code_is_a_server_error(site, session):
    client = site.test_client()
    callback = approve(client.get(LOGIN).location)
    state = parse_qs(urlsplit(callback).query)["state"][0]
    forged = f"/api/v1/auth/google/callback?{urlencode({'state': state, 'code': '4/forged'})}"
    assert reason(client.get(forged)) == "server_error"
    assert session.scalar(select(func.count()).select_from(SignIn)) == 0


def test_an_unreachable_provider_is_a_network_error(bind, storage, monkeypatch):
    client = bind(make_app(monkeypatch, GOOGLE_BASE_URL="http://127.0.0.1:1")).test_client()
    parameters = parse_qs(urlsplit(client.get(LOGIN).location).query)
    query = urlencode({"state": parameters["state"][0], "code": "4/x"})
    assert reason(client.get(f"/api/v1/auth/google/callback?{query}")) == "network_error"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "styles",
        "",
        "/a\r\nSet-Cookie: x=1",
        "/\t/evil.example",
        "///evil.example",
        " //evil.example",
        "https:evil.example",
        "HTTPS://evil.example",
        "//user@evil.example",
        "//[",
        "https://[evil",
        "//evil\u2100.example",
        "/styles\\..\\evil",
        "/\u2028/evil.example",
        "/\x00",
        "data:text/html,x",
    ],
)
def test_sign_in_never_redirects_to_another_site(target):
    assert local_path(target) == "/"


@pytest.mark.parametrize(
    "target",
    ["/", "/styles/1?tab=images#top", "/login?next=https://evil.example", "/search?q=//x", "/미나"],
)
def test_a_local_path_stays_with_its_query(target):
    assert local_path(target) == target


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "//["])
def test_a_target_on_another_site_becomes_the_front_page(site, target):
    assert sign_in(site.test_client(), next_path=target).location == "/"


def test_simultaneous_sign_ins_do_not_share_state(committed, make_real_app, google):
    site = make_real_app(GOOGLE_BASE_URL=google)
    people = [f"person{number}@example.com" for number in range(8)]

    def enter(email: str) -> str:
        client = site.test_client()
        sign_in(client, email)
        return client.get("/api/v1/auth/me").json["data"]["email"]

    assert at_once(*(lambda email=email: enter(email) for email in people)) == people
    one = at_once(*(lambda: enter("same@example.com") for _ in range(6)))
    assert one == ["same@example.com"] * 6
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 9
        assert session.scalar(select(func.count()).select_from(Transfer)) == 9


@pytest.fixture
def running_site(make_real_app, google) -> Iterator[str]:
    """The site as a real server with rate limits; all its users have one address."""
    app = make_real_app(GOOGLE_BASE_URL=google, RATE_LIMITS_ENABLED="1")
    app.extensions["rate_limits"] = RateLimits(MemoryStorage())
    with served(app) as url:
        yield url


def test_twenty_users_at_one_address_sign_in_at_once_in_two_tabs_each(running_site, committed):
    people = [f"person{number}@example.com" for number in range(20)]
    browsers = {email: requests.Session() for email in people}
    is_open = threading.Barrier(2 * len(people), timeout=60)

    def open_tab(email: str) -> tuple[str, str]:
        """Open the sign-in page, wait for all tabs, sign in; return the redirect and the email."""
        browser = browsers[email]
        assert browser.get(f"{running_site}/login", timeout=60).status_code == 200
        is_open.wait()
        started = browser.get(running_site + LOGIN, allow_redirects=False, timeout=60)
        assert started.status_code == 302, started.text
        is_open.wait()
        back = running_site + approve(started.headers["Location"], email)
        ended = browser.get(back, allow_redirects=False, timeout=60)
        me = requests.get(
            f"{running_site}/api/v1/auth/me",
            cookies={"session": ended.cookies["session"]},
            timeout=60,
        )
        return ended.headers["Location"], me.json()["data"]["email"]

    tabs = [email for email in people for _ in range(2)]
    ended = at_once(*(lambda email=email: open_tab(email) for email in tabs))
    assert ended == [("/", email) for email in tabs]
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(User)) == len(people)
        assert session.scalar(select(func.count()).select_from(SignIn)) == len(tabs)
        assert session.scalar(select(func.count()).select_from(Transfer)) == len(people)
    for browser in browsers.values():
        browser.close()


def test_the_alias_of_the_login_leads_to_the_same_callback(site):
    client = site.test_client()
    started = client.get("/api/auth/google/login/")
    assert client.get(approve(started.location)).location == "/"
    assert error_code(site.test_client().get("/api/auth/me")) == "UNAUTHORIZED"
