import re
import secrets
import time

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage

from tests import making
from tests.toss import toss_server
from tests.webapp.conftest import error_code, make_app, signed_in_client
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.settings import settings
from webapp.http.buckets import (
    ANONYMOUS,
    ANONYMOUS_PAGES,
    IMAGES,
    LOGIN,
    SIGN_INS,
    SIGNED_IN,
    SIGNED_IN_PAGES,
)
from webapp.http.endpoints import Access, endpoint_of
from webapp.http.rate_limits import RateLimits, Usage, redis_storage

LOGIN_PATH = "/api/v1/auth/google/login"


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
    message = refused.json["error"]["message"]
    assert "5 in 300 s" in message
    assert f"in {details['retry_after']} s" in message
    assert client.get("/api/v1/styles", environ_base=address).status_code == 200


def test_browsers_at_one_address_have_separate_limits(limited_app, address):
    """Every browser opens the sign-in page first, which sets its cookie."""
    browsers = [limited_app.test_client() for _ in range(3)]
    for client in browsers:
        for _ in range(2):  # the second time it keeps its cookie
            assert client.get("/login", environ_base=address).status_code == 200
        codes = [client.get(LOGIN_PATH, environ_base=address).status_code for _ in range(6)]
        assert codes == [302] * 5 + [429]


def test_a_forged_browser_cookie_counts_by_address(limited_app, address):
    codes = []
    for number in range(6):
        client = limited_app.test_client()
        client.set_cookie("browser", f"ImEi.{number}.forged")
        codes.append(client.get(LOGIN_PATH, environ_base=address).status_code)
    assert codes == [302] * 5 + [429]


def test_an_address_has_a_limit_for_all_its_browsers_and_both_steps(limited_app, address):
    limits = limited_app.extensions["rate_limits"]
    limits.hit(SIGN_INS, address["REMOTE_ADDR"], SIGN_INS.limit.amount - 2)
    client = limited_app.test_client()
    client.get("/login", environ_base=address)
    callback = "/api/v1/auth/google/callback?state=x&code=y"
    paths = (LOGIN_PATH, callback, callback, LOGIN_PATH)
    codes = [client.get(path, environ_base=address).status_code for path in paths]
    assert codes == [302, 302, 429, 429]
    assert client.get("/login", environ_base=address).status_code == 200


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
    codes = [client.post("/api/v1/generations", json=body).status_code for _ in range(31)]
    assert codes == [403] * 30 + [429]


def test_every_counted_answer_has_the_headers_of_its_limit(limited_app, address):
    client = limited_app.test_client()
    for path in ("/api/v1/styles", "/api/v1/nowhere", "/api/v1/auth/me"):
        headers = client.get(path, environ_base=address).headers
        assert headers["X-RateLimit-Limit"] == "50"
        assert int(headers["X-RateLimit-Remaining"]) < 50
        assert int(headers["X-RateLimit-Reset"]) > 1_700_000_000
        assert "Retry-After" not in headers


def test_probes_are_never_counted(limited_app, address):
    client = limited_app.test_client()
    for path in ("/healthz", "/readyz", "/readyz/process", "/api/health", "/metrics"):
        answer = client.get(path, environ_base=address)
        assert "X-RateLimit-Limit" not in answer.headers


class UnreachableStorage(MemoryStorage):
    """A storage whose server does not answer."""

    attempts = 0

    def acquire_entry(self, *args, **kwargs):
        self.attempts += 1
        raise StorageError(ConnectionError("unreachable"))


def test_without_redis_sign_in_stays_limited_and_reads_are_open():
    storage = UnreachableStorage()
    limits = RateLimits(storage)
    logins = [limits.hit(LOGIN, "browser").is_exceeded for _ in range(6)]
    assert logins == [False] * 5 + [True]
    reads = [limits.hit(ANONYMOUS, "address").is_exceeded for _ in range(60)]
    assert not any(reads)
    assert storage.attempts == 1  # during the backoff no request waits for Redis


def test_a_site_without_redis_still_answers(bind, storage, monkeypatch):
    app = bind(make_app(monkeypatch, RATE_LIMITS_ENABLED="1", REDIS_URL="redis://127.0.0.1:1/0"))
    client = app.test_client()
    assert client.get("/api/v1/styles").status_code == 200
    assert [client.get(LOGIN_PATH).status_code for _ in range(6)] == [302] * 5 + [429]


# ── pages and API ────────────────────────────────────────────────────────────────────────────


def signed_in_user(app, session, **columns):
    """Return a user with a random id, because keys in Redis are ids, and the user's client."""
    user = making.user(session, id=secrets.randbits(60), **columns)
    return user, signed_in_client(app, session, user)


def routes(app):
    """Yield every method of every route: its rule, its view, and an example of its path."""
    defaults = {"id": "1", "kind": "styles", "number": "1"}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        values = defaults | {
            name: next(iter(sorted(converter.items)), "1") if hasattr(converter, "items") else "1"
            for name, converter in rule._converters.items()
        }
        path = re.sub(
            r"<(?:[^:<>]*:)?(\w+)>", lambda match, values=values: values[match[1]], rule.rule
        )
        for method in sorted(rule.methods - {"OPTIONS"}):
            yield rule, view, method, path


def is_uncounted(view):
    """Tell whether a view is not for people: probes, files, our own workers."""
    is_internal = endpoint_of(view).access is Access.INTERNAL
    return is_internal or endpoint_of(view).is_uncounted


def test_every_route_of_pages_and_api_is_counted(limited_app, session, monkeypatch):
    _, client = signed_in_user(limited_app, session)
    soon = int(time.time()) + 60
    monkeypatch.setattr(
        RateLimits,
        "hit",
        lambda _self, bucket, _key, _cost: Usage(bucket, True, 0, soon, soon),
    )
    codes = {}
    for rule, view, method, path in routes(limited_app):
        if rule.endpoint != "static" and not is_uncounted(view):
            codes[f"{method} {path}"] = client.open(path, method=method).status_code
    assert {name: code for name, code in codes.items() if code != 429} == {}
    assert len(codes) > 200
    uncounted = {rule.endpoint for rule, view, _, _ in routes(limited_app) if is_uncounted(view)}
    assert {name for name in uncounted if name.startswith("pages.")} == set()


def test_a_path_without_a_route_is_counted(limited_app, address):
    client = limited_app.test_client()
    limits = limited_app.extensions["rate_limits"]
    limits.hit(ANONYMOUS, address["REMOTE_ADDR"], ANONYMOUS.limit.amount)
    limits.hit(ANONYMOUS_PAGES, address["REMOTE_ADDR"], ANONYMOUS_PAGES.limit.amount)
    assert client.get("/api/v1/nowhere", environ_base=address).json["error"]["code"] == (
        "RATE_LIMIT_EXCEEDED"
    )
    page = client.get("/nowhere", environ_base=address)
    assert (page.status_code, page.mimetype) == (429, "text/html")
    assert int(page.headers["Retry-After"]) >= 1


def test_a_method_without_a_view_is_counted(limited_app, session):
    user, client = signed_in_user(limited_app, session)
    limits = limited_app.extensions["rate_limits"]
    limits.hit(SIGNED_IN, str(user.id), SIGNED_IN.limit.amount - 2)
    limits.hit(SIGNED_IN_PAGES, str(user.id), SIGNED_IN_PAGES.limit.amount - 1)
    requests = [("POST", "/wallet"), ("DELETE", "/api/v1/tags"), ("OPTIONS", "/wallet")]
    for codes in ([405, 405, 200], [429, 429, 429]):
        assert [client.open(path, method=method).status_code for method, path in requests] == codes


@pytest.mark.parametrize(
    "page, api, body",
    [
        ("/g/{}/comments", "/api/v1/generations/{}/comments", {"content": "Good."}),
        ("/wallet/purchases", "/api/v1/tokens/purchase", {"package_id": "starter"}),
        ("/g/{}/like", "/api/v1/images/{}/like", {}),
        ("/notifications/read", "/api/v1/notifications/read-all", {}),
    ],
)
def test_actions_on_pages_and_in_the_api_share_a_limit(
    limited_app, session, ordered, finish, page, api, body
):
    image = finish(ordered, is_public=True)
    user, client = signed_in_user(limited_app, session)
    used_up = SIGNED_IN.limit.amount - 2
    limited_app.extensions["rate_limits"].hit(SIGNED_IN, str(user.id), used_up)
    form = body | {"csrf_token": client.csrf_token}
    first = client.post(api.format(image.id), json=body)
    second = client.post(page.format(image.id), data=form)
    assert (first.headers["X-RateLimit-Remaining"], second.headers["X-RateLimit-Remaining"]) == (
        "1",
        "0",
    )
    assert client.post(page.format(image.id), data=form).status_code == 429
    assert client.post(api.format(image.id), json=body).status_code == 429
    comments = session.query(Comment).filter_by(user_id=user.id).count()
    assert comments == (2 if "content" in body else 0)


def test_pages_that_are_only_read_have_a_wider_limit(limited_app, session, address):
    _, client = signed_in_user(limited_app, session)
    headers = client.get("/notifications").headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("200", "199")
    assert client.get("/notifications/read-all").headers["X-RateLimit-Limit"] == "200"
    anonymous = limited_app.test_client().get("/login", environ_base=address)
    assert anonymous.headers["X-RateLimit-Limit"] == "300"


def test_a_page_shows_the_limit_and_the_wait_in_the_language_of_the_user(limited_app, session):
    user, client = signed_in_user(limited_app, session, language="ko")
    limited_app.extensions["rate_limits"].hit(SIGNED_IN, str(user.id), SIGNED_IN.limit.amount)
    page = client.post("/notifications/read", data={"csrf_token": client.csrf_token})
    assert page.status_code == 429
    assert "60초에 100회" in page.text
    assert f"{page.headers['Retry-After']}초 후" in page.text


# ── images ───────────────────────────────────────────────────────────────────────────────────


def ordering(client, style, **fields):
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    body = {"style_id": style.id, "prompt_tags": ["boat"], "allow_duplicate": True} | fields
    return client.post("/api/v1/generations", json=body, headers=headers)


def test_refused_orders_do_not_count_in_the_limit_of_images(limited_app, session, style):
    _, client = signed_in_user(limited_app, session)
    for invalid in (
        {"style_id": 10**9, "count": 4},
        {"expected_price_tokens": 1, "count": 4},
        {"count": 9},
        {"prompt_tags": [], "count": 4},
    ):
        assert ordering(client, style, **invalid).status_code in {404, 409, 422}
    assert [ordering(client, style, count=count).status_code for count in (4, 2, 1)] == [
        201,
        201,
        429,
    ]


def test_a_replay_does_not_count_in_the_limit_of_images(limited_app, session, style):
    _, client = signed_in_user(limited_app, session)
    answers = [ordering(client, style, count=4, key="the-same-key") for _ in range(3)]
    assert len({answer.json["data"]["id"] for answer in answers}) == 1
    assert ordering(client, style, count=2).status_code == 201


def test_attempts_to_order_have_a_wider_limit(limited_app, session, style):
    _, client = signed_in_user(limited_app, session)
    codes = [ordering(client, style, count=9).status_code for _ in range(31)]
    assert codes == [422] * 30 + [429]
    form = {"csrf_token": client.csrf_token, "prompt_tags": "boat"}
    assert client.post(f"/styles/{style.id}/generate", data=form).status_code == 429


def test_a_body_counts_the_images_that_it_orders_whatever_its_other_fields(
    limited_app, session, style
):
    _, client = signed_in_user(limited_app, session)
    body = f'{{"style_id": {style.id}, "prompt_tags": ["boat"], "count": 4, "x": NaN}}'
    answer = client.post(
        "/api/v1/generations", data=body, headers={"Content-Type": "application/json"}
    )
    ordered = session.query(Generation).count()
    remaining = 6 - ordered
    assert ordered in {0, 4}
    assert (answer.status_code == 201) == (ordered == 4)
    codes = [ordering(client, style).status_code for _ in range(remaining + 1)]
    assert codes == [201] * remaining + [429]


def test_the_page_and_the_api_order_from_the_same_limit_of_images(limited_app, session, style):
    _, client = signed_in_user(limited_app, session)
    form = {"csrf_token": client.csrf_token, "prompt_tags": "boat", "count": "4"}
    old_price = form | {"expected_price_tokens": "1"}
    assert client.post(f"/styles/{style.id}/generate", data=old_price).status_code == 409
    assert client.post(f"/styles/{style.id}/generate", data=form).status_code == 302
    assert ordering(client, style, count=3).status_code == 429
    refused = client.post(f"/styles/{style.id}/generate", data=form)
    assert (refused.status_code, "6 in 60 s" in refused.text) == (429, True)
    assert session.query(Generation).count() == 4  # the refused orders were rolled back
    assert ordering(client, style, count=2).status_code == 201


def test_the_wait_is_until_there_is_room_for_the_whole_order(monkeypatch):
    limits = RateLimits(redis_storage(settings().redis_url))
    key, now = secrets.token_hex(8), time.time()
    for moment, cost in ((now - 50, 2), (now - 10, 4)):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        assert not limits.hit(IMAGES, key, cost).is_exceeded
    monkeypatch.setattr(time, "time", lambda: now)
    assert limits.hit(IMAGES, key, 2).retry_at == int(now - 50 + 60) + 1
    assert limits.hit(IMAGES, key, 4).retry_at == int(now - 10 + 60) + 1


# ── the provider of payments ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "networks, caller, codes",
    [
        ('["192.0.2.0/24"]', "192.0.2.9", {404}),
        ('["192.0.2.0/24"]', "198.51.100.9", {403}),
    ],
)
def test_the_payment_provider_is_not_counted(bind, storage, monkeypatch, networks, caller, codes):
    app = bind(make_app(monkeypatch, RATE_LIMITS_ENABLED="1", TOSS_NETWORKS=networks))
    app.extensions["rate_limits"] = RateLimits(MemoryStorage())
    with toss_server() as toss:
        app.extensions["payments"] = toss.provider
        body = {
            "eventType": "PAYMENT_STATUS_CHANGED",
            "data": {"orderId": "o_nothing", "paymentKey": "k"},
        }
        answers = [
            app.test_client().post(
                "/api/v1/webhooks/toss/payment",
                json=body,
                environ_base={"REMOTE_ADDR": caller},
            )
            for _ in range(3)
        ]
    assert {answer.status_code for answer in answers} == codes
    is_counted = {"X-RateLimit-Limit" in answer.headers for answer in answers}
    assert is_counted == {codes == {403}}
