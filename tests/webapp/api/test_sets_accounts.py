import base64
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from limits import RateLimitItemPerDay, RateLimitItemPerMinute
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.conftest import error_code, make_app, sets_client_of
from webapp.domain import sets_tokens
from webapp.domain.models.account import User
from webapp.domain.models.sets_account import SetsAccount, SetsCreditEntry
from webapp.domain.sets_errors import TokenExpired, TokenInvalid
from webapp.domain.settings import settings
from webapp.http import buckets, rate_limits
from webapp.http.rate_limits import SETS_ACCOUNTS, SIGNED_IN

ANON, ME, REVOKE, ADOPT = (
    f"/api/v1/sets/{path}" for path in ("auth/anon", "me", "auth/revoke", "auth/adopt")
)


def me(client):
    answer = client.get(ME)
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key, algorithm="HS256", **changes):
    """A token put together by hand, as nobody's library would."""
    now = int(time.time())
    claims = {"sub": "u_1", "version": 0, "iat": now, "exp": now + 3600} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    body = ".".join(part(json.dumps(each).encode()) for each in ({"alg": algorithm}, kept))
    digest = {"HS256": "sha256", "HS384": "sha384"}.get(algorithm)
    return f"{body}.{part(hmac.digest(key, body.encode(), digest)) if digest else ''}"


def test_an_anonymous_account_has_ten_credits_and_the_limits_of_the_free_plan(client):
    made = client.post(ANON)
    assert made.status_code == 201
    data = made.json["data"]
    assert data["token_type"] == "Bearer"
    assert data["user_id"].startswith("u_")
    client.token = data["token"]
    assert me(client) == {
        "user_id": data["user_id"],
        "is_anonymous": True,
        "plan": "free",
        "pro_until": None,
        "credits": 10,
        "active_jobs": 0,
        "max_concurrency": 1,
        "max_items_per_job": 10,
        "rule_slots": {"used": 0, "max": 2},
        "watermark": True,
    }


def test_a_token_says_who_and_until_when_and_nothing_of_plan_or_credits(client):
    data = client.post(ANON).json["data"]
    payload = data["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims.keys() == {"sub", "version", "iat", "exp"}
    assert claims["exp"] - claims["iat"] == 30 * 24 * 3600
    assert datetime.fromtimestamp(claims["exp"], UTC) == datetime.fromisoformat(data["expires_at"])


def test_without_token_and_session_an_account_is_asked_for(client, buyer_client, session, buyer):
    assert error_code(client.get(ME)) == "AUTH_REQUIRED"
    assert client.get(ME).status_code == 401
    session.execute(update(User).where(User.id == buyer.id).values(is_active=False))
    session.commit()
    assert error_code(buyer_client.get(ME)) == "ACCOUNT_INACTIVE"


def test_a_token_of_before_a_rotation_is_valid_while_its_key_is_a_fallback(
    bind, storage, monkeypatch, client
):
    old, new = settings().secret_key, "the key that was drawn at the rotation"
    opened = client.post(ANON).json["data"]
    codes = {}
    for fallbacks in ([old], ["f" * 32, old], ["f" * 32], []):
        app = bind(
            make_app(monkeypatch, SECRET_KEY=new, SECRET_KEY_FALLBACKS=json.dumps(fallbacks))
        )
        answer = app.test_client().get(ME, headers={"Authorization": f"Bearer {opened['token']}"})
        codes[len(fallbacks), old in fallbacks] = answer.status_code
        fresh = app.test_client().post(ANON).json["data"]["token"]
        assert sets_tokens.read([new], fresh).version == 0
        with pytest.raises(TokenInvalid):
            sets_tokens.read([old], fresh)
    assert codes == {(1, True): 200, (2, True): 200, (1, False): 401, (0, False): 401}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_token_that_ran_out_is_expired_under_every_accepted_key(place):
    keys = ["a" * 32, "b" * 32, "c" * 32]
    long_ago = datetime.now(UTC) - timedelta(days=31)
    token = sets_tokens.issue(keys[place], public_id="u_somebody", version=0, now=long_ago)
    with pytest.raises(TokenExpired):
        sets_tokens.read(keys, token.text)


def test_a_token_that_ran_out_is_told_apart_from_a_forged_one(sets_client, anonymous_account):
    long_ago = datetime.now(UTC) - timedelta(days=30, minutes=1)
    old = sets_tokens.issue(
        settings().secret_key, public_id=anonymous_account.public_id, version=0, now=long_ago
    )
    sets_client.token = old.text
    assert error_code(sets_client.get(ME)) == "TOKEN_EXPIRED"
    key = sets_tokens._key(settings().secret_key)
    mine = {"sub": anonymous_account.public_id}
    forged = [
        signed(b"another key of thirty-two bytes!", **mine),
        signed(settings().secret_key.encode(), **mine),
        signed(key, "HS384", **mine),
        signed(b"", "none", **mine),
        signed(key, exp=None, **mine),
        signed(key, version=None, **mine),
        signed(key, version=1, **mine),
        signed(key, version="0", **mine),
        signed(key, version=False, **mine),
        signed(key, sub="u_nobody"),
        "nonsense",
        "ünï.cö.de",
        "a" * 5000,
        ".",
    ]
    for token in forged:
        sets_client.token = token
        assert error_code(sets_client.get(ME)) == "TOKEN_INVALID", token
    answer = sets_client.get(ME, headers={"Authorization": "Bearer "})
    assert error_code(answer) == "TOKEN_INVALID"
    sets_client.token = signed(key, **mine)
    assert me(sets_client)["credits"] == 10


def test_a_token_wins_over_a_session_and_needs_no_csrf_token(
    buyer_client, anonymous_account, sets_client
):
    assert me(buyer_client)["is_anonymous"] is False
    buyer_client.token = sets_client.token
    assert me(buyer_client)["user_id"] == anonymous_account.public_id
    buyer_client.csrf_token = None
    assert buyer_client.post(REVOKE).status_code == 200


def test_outside_sets_a_token_opens_nothing(sets_client):
    assert error_code(sets_client.get("/api/v1/auth/me")) == "UNAUTHORIZED"


def test_revoked_tokens_are_refused_for_ever(sets_client):
    assert sets_client.post(REVOKE).json["data"] == {"revoked": True}
    assert error_code(sets_client.get(ME)) == "TOKEN_INVALID"


def test_a_person_gets_an_account_on_first_use_and_welcome_credits_once(
    buyer_client, buyer, session
):
    first, again = me(buyer_client), me(buyer_client)
    assert first == again
    assert (first["credits"], first["is_anonymous"]) == (10, False)
    mine = select(SetsAccount).where(SetsAccount.user_id == buyer.id)
    assert session.scalars(mine).one().public_id == first["user_id"]


def test_a_session_needs_its_csrf_token(buyer_client):
    buyer_client.csrf_token = None
    assert error_code(buyer_client.post(REVOKE)) == "CSRF_FAILED"


def test_the_short_names_of_the_original_lead_to_the_same_views(client):
    token = client.post("/api/v1/auth/anon").json["data"]["token"]
    client.token = token
    assert client.get("/api/v1/me").json["data"] == me(client)


def test_new_accounts_are_limited_by_address_whatever_browser_asks(limited_app):
    place = {"environ_base": {"REMOTE_ADDR": "203.0.113.77"}}
    most = SETS_ACCOUNTS.limit.amount
    answers = [limited_app.test_client().post(ANON, **place) for _ in range(most + 1)]
    assert [answer.status_code for answer in answers] == [201] * most + [429]
    elsewhere = {"environ_base": {"REMOTE_ADDR": "203.0.113.78"}}
    assert limited_app.test_client().post(ANON, **elsewhere).status_code == 201


def test_every_address_of_one_ipv6_network_counts_as_one(limited_app):
    most = SETS_ACCOUNTS.limit.amount

    def asked_from(address):
        place = {"environ_base": {"REMOTE_ADDR": address}}
        return limited_app.test_client().post(ANON, **place).status_code

    answers = [asked_from(f"2001:db8:0:1::{number:x}") for number in range(1, most + 2)]
    assert answers == [201] * most + [429]
    assert asked_from("2001:db8:0:2::1") == 201


def test_calls_of_many_accounts_of_one_network_are_limited_together(limited_app, monkeypatch):
    few = replace(buckets.SETS_TOKENS, limit=RateLimitItemPerMinute(3))
    monkeypatch.setattr(rate_limits, "SETS_TOKENS", few)
    place = {"environ_base": {"REMOTE_ADDR": "203.0.113.80"}}
    tokens = [limited_app.test_client().post(ANON, **place).json["data"]["token"] for _ in range(4)]
    codes = [
        limited_app.test_client()
        .get("/api/v1/sets/me", headers={"Authorization": f"Bearer {token}"}, **place)
        .status_code
        for token in tokens
    ]
    assert codes == [200] * 3 + [429]


def test_searches_of_an_account_are_limited_by_the_hour(limited_app):
    most = buckets.SETS_SEARCHES.limit.amount
    place = {"environ_base": {"REMOTE_ADDR": "203.0.113.81"}}
    token = limited_app.test_client().post(ANON, **place).json["data"]["token"]
    codes = [
        limited_app.test_client()
        .post(
            "/api/v1/sets/jobs/job_23456789ABCDEFGH/segment",
            json={"concepts": ["Wall"]},
            headers={"Authorization": f"Bearer {token}"},
            **place,
        )
        .status_code
        for _ in range(most + 1)
    ]
    assert codes == [404] * most + [429]


def test_new_accounts_of_one_network_are_limited_by_the_day(limited_app, monkeypatch):
    a_day = replace(buckets.SETS_ACCOUNTS_A_DAY, limit=RateLimitItemPerDay(2))
    monkeypatch.setattr(rate_limits, "SETS_ACCOUNTS_A_DAY", a_day)
    place = {"environ_base": {"REMOTE_ADDR": "203.0.113.79"}}
    answers = [limited_app.test_client().post(ANON, **place) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[-1].json["error"]["details"]["window_seconds"] == 24 * 3600


def test_requests_with_a_token_are_counted_by_account(limited_app, session):
    one, two = (sets_client_of(limited_app, making.sets_account(session)) for _ in range(2))
    session.commit()
    left = [client.get(ME).headers["X-RateLimit-Remaining"] for client in (one, one, two)]
    most = SIGNED_IN.limit.amount
    assert left == [str(most - 1), str(most - 2), str(most - 1)]


def test_an_anonymous_account_becomes_that_of_a_person_without_one(
    buyer_client, sets_client, anonymous_account, session
):
    buyer_client.token = sets_client.token
    first, again = buyer_client.post(ADOPT), buyer_client.post(ADOPT)
    assert (first.status_code, first.json["data"]) == (200, again.json["data"])
    assert first.json["data"]["user_id"] == anonymous_account.public_id
    assert (first.json["data"]["credits"], first.json["data"]["is_anonymous"]) == (10, False)
    assert error_code(sets_client.get(ME)) == "TOKEN_INVALID"
    buyer_client.token = None
    assert me(buyer_client) == first.json["data"]
    assert making.violations(session, only="S") == []


def test_adoption_needs_a_session_its_csrf_token_and_a_token_of_sets(
    client, buyer_client, sets_client
):
    assert error_code(sets_client.post(ADOPT)) == "UNAUTHORIZED"
    assert error_code(buyer_client.post(ADOPT)) == "TOKEN_INVALID"
    buyer_client.token, buyer_client.csrf_token = sets_client.token, None
    assert error_code(buyer_client.post(ADOPT)) == "CSRF_FAILED"
    assert me(sets_client)["is_anonymous"] is True


def test_what_another_person_adopted_stays_theirs(
    buyer_client, sets_client, sign_in, session, anonymous_account
):
    other = sign_in(making.user(session))
    other.token = buyer_client.token = sets_client.token
    assert buyer_client.post(ADOPT).status_code == 200
    refused = other.post(ADOPT)
    assert (refused.status_code, error_code(refused)) == (409, "ALREADY_ADOPTED")
    other.token = buyer_client.token = None
    assert me(other)["user_id"] != anonymous_account.public_id
    assert me(buyer_client)["user_id"] == anonymous_account.public_id


def test_a_revoked_token_adopts_nothing(buyer_client, sets_client):
    buyer_client.token = sets_client.token
    sets_client.post(REVOKE)
    assert error_code(buyer_client.post(ADOPT)) == "TOKEN_INVALID"


def test_welcome_credits_of_further_accounts_are_not_moved(app, buyer_client, session):
    assert me(buyer_client)["credits"] == 10
    for balance in (10, 25):
        account = making.sets_account(session, balance=balance)
        session.commit()
        buyer_client.token = sets_client_of(app, account).token
        assert buyer_client.post(ADOPT).status_code == 200
    buyer_client.token = None
    assert me(buyer_client)["credits"] == 10 + 15
    kept = select(func.sum(SetsCreditEntry.amount)).where(SetsCreditEntry.account_id == account.id)
    assert session.scalar(kept) == 10


@pytest.mark.parametrize("path", [ANON, "/api/sets/auth/anon", "/api/v1/auth/anon"])
def test_an_account_is_opened_without_session_and_csrf_token(buyer_client, path):
    buyer_client.csrf_token = None
    assert buyer_client.post(path).status_code == 201
