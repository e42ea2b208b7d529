import secrets

import pytest
from redis.exceptions import ConnectionError as RedisAway

from tests import making
from tests.webapp.conftest import error_code, make_app, signed_in_client
from webapp.api.rate_limits import ANONYMOUS, LOGIN, RateLimits

LOGIN_PATH = "/api/v1/auth/google/login"


@pytest.fixture
def limited_app(bind, storage, monkeypatch):
    """An app that counts in the real Redis; each test from an address of its own."""
    return bind(make_app(monkeypatch, RATE_LIMITS_ENABLED="1"))


@pytest.fixture
def address() -> dict[str, str]:
    numbers = ":".join(secrets.token_hex(2) for _ in range(4))
    return {"REMOTE_ADDR": f"2001:db8:0:0:{numbers}"}


def test_the_sixth_login_within_five_minutes_is_refused(limited_app, address):
    client = limited_app.test_client()
    for left in (4, 3, 2, 1, 0):
        answer = client.get(LOGIN_PATH, environ_base=address)
        assert answer.status_code == 302
        assert answer.headers["X-RateLimit-Remaining"] == str(left)
    refused = client.get("/api/auth/google/login", environ_base=address)
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.headers["X-RateLimit-Limit"] == "5"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(refused.headers["Retry-After"]) <= 301
    details = refused.json["error"]["details"]
    assert (details["limit"], details["window_seconds"]) == (5, 300)
    assert client.get("/api/v1/styles", environ_base=address).status_code == 200


def test_the_fifty_first_anonymous_request_in_a_minute_is_refused(limited_app, address):
    client = limited_app.test_client()
    codes = [
        client.get("/api/v1/tokens/packages", environ_base=address).status_code for _ in range(51)
    ]
    assert codes == [200] * 50 + [429]


def test_the_seventh_image_in_a_minute_is_refused(limited_app, session, style):
    # Keys in Redis are user ids: a number no other test of this machine has.
    client = signed_in_client(limited_app, session, making.user(session, id=secrets.randbits(60)))
    path, body = "/api/v1/generations", {"style_id": style.id, "prompt_tags": ["boat"]}
    first = client.post(path, json=body | {"count": 4})
    assert (first.status_code, first.headers["X-RateLimit-Remaining"]) == (201, "2")
    too_many = client.post(path, json=body | {"count": 3})
    assert (too_many.status_code, error_code(too_many)) == (429, "RATE_LIMIT_EXCEEDED")
    assert client.post(path, json=body | {"count": 2}).status_code == 201
    assert client.post("/api/images/generate", json=body).status_code == 429
    balance = client.get("/api/v1/tokens/balance")
    assert balance.json["data"]["escrowed_tokens"] == 60
    assert balance.headers["X-RateLimit-Limit"] == "100"


def test_rate_comes_after_authentication_and_before_csrf(limited_app, address, session, style):
    client = signed_in_client(limited_app, session, making.user(session, id=secrets.randbits(60)))
    client.csrf_token = None
    body = {"style_id": style.id, "prompt_tags": ["boat"]}
    codes = [client.post("/api/v1/generations", json=body).status_code for _ in range(7)]
    assert codes == [403] * 6 + [429]


def test_every_counted_answer_tells_where_the_caller_stands(limited_app, address):
    client = limited_app.test_client()
    for path in ("/api/v1/styles", "/api/v1/nowhere", "/api/v1/auth/me"):
        headers = client.get(path, environ_base=address).headers
        assert headers["X-RateLimit-Limit"] == "50"
        assert int(headers["X-RateLimit-Remaining"]) < 50
        assert int(headers["X-RateLimit-Reset"]) > 1_700_000_000
        assert "Retry-After" not in headers


def test_probes_are_never_counted(limited_app, address):
    client = limited_app.test_client()
    for path in ("/healthz", "/readyz", "/api/health", "/metrics"):
        answer = client.get(path, environ_base=address)
        assert "X-RateLimit-Limit" not in answer.headers


class NoRedis:
    """A Redis that is away."""

    asked = 0

    def take(self, *args):
        self.asked += 1
        raise RedisAway("away")


def test_without_redis_sign_in_stays_limited_and_reads_are_open():
    redis = NoRedis()
    counters = RateLimits(redis)
    logins = [counters.hit(LOGIN, "here", 1).refused for _ in range(6)]
    assert logins == [False] * 5 + [True]
    reads = [counters.hit(ANONYMOUS, "here", 1).refused for _ in range(60)]
    assert not any(reads)
    assert redis.asked == 1  # while it rests, nobody waits for it


def test_a_site_without_redis_still_answers(bind, storage, monkeypatch):
    app = bind(make_app(monkeypatch, RATE_LIMITS_ENABLED="1", REDIS_URL="redis://127.0.0.1:1/0"))
    client = app.test_client()
    assert client.get("/api/v1/styles").status_code == 200
    assert [client.get(LOGIN_PATH).status_code for _ in range(6)] == [302] * 5 + [429]
