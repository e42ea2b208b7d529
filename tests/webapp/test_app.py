import re
import subprocess
import sys
from urllib.parse import quote

import pytest

from tests.webapp.conftest import error_code
from webapp.app import create_app
from webapp.domain.settings import settings
from webapp.http.endpoints import Access, endpoint_of


def rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def test_every_route_has_exactly_one_access_rule(app):
    without = [
        rule.rule
        for rule in rules(app)
        if endpoint_of(app.view_functions[rule.endpoint]).access not in set(Access)
    ]
    assert without == []


def test_every_api_route_answers_under_both_prefixes(app):
    under = {
        prefix: {
            (rule.rule.removeprefix(prefix), *sorted(rule.methods))
            for rule in rules(app)
            if rule.rule.startswith(prefix + "/") and rule.endpoint.split(".")[0] == name
        }
        for name, prefix in (("api_v1", "/api/v1"), ("api", "/api"))
    }
    assert under["/api/v1"] == under["/api"]
    assert len(under["/api/v1"]) > 30


def test_what_workers_call_is_internal_and_nothing_else_is(app):
    workers = (".webhooks.", ".webhook_aliases.", ".notifications.create", ".sets_callbacks.")
    for rule in rules(app):
        is_internal = endpoint_of(app.view_functions[rule.endpoint]).access is Access.INTERNAL
        is_worker_route = any(name in rule.endpoint for name in workers)
        assert is_internal == is_worker_route, rule.rule


def guarded(app, access):
    """Every route and method under one access rule, with some id where one stands."""
    return [
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in rules(app)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        if endpoint_of(app.view_functions[rule.endpoint]).access is access
    ]


def answers(client, calls, **options):
    return {
        (answer.status_code, error_code(answer))
        for method, path in calls
        if path.startswith("/api/")
        for answer in [client.open(path, method=method, **options)]
    }


def test_a_stranger_gets_nowhere_that_is_not_public(app, client):
    for access in (Access.SIGNED_IN, Access.ARTIST, Access.ADMIN):
        assert answers(client, guarded(app, access)) == {(401, "UNAUTHORIZED")}
    assert answers(client, guarded(app, Access.INTERNAL)) == {(403, "CALLBACK_UNAUTHORIZED")}


def test_who_is_signed_in_gets_nowhere_that_is_for_others(app, buyer_client, artist_client):
    assert answers(buyer_client, guarded(app, Access.ARTIST)) == {(403, "ARTIST_ONLY")}
    for someone in (buyer_client, artist_client):
        assert answers(someone, guarded(app, Access.ADMIN)) == {(403, "FORBIDDEN")}
        internal = answers(someone, guarded(app, Access.INTERNAL))
        assert internal == {(403, "CALLBACK_UNAUTHORIZED")}


def test_an_unsafe_request_of_a_browser_always_needs_its_token(app, artist_client):
    artist_client.csrf_token = None
    calls = [
        (method, path)
        for access in (Access.SIGNED_IN, Access.ARTIST, Access.ADMIN)
        for method, path in guarded(app, access)
        if method != "GET"
    ]
    assert answers(artist_client, calls) == {(403, "CSRF_FAILED")}


def test_importing_and_creating_the_app_connects_to_nothing(environment):
    script = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('connected')\n"
        "socket.socket.connect = refuse\n"
        "socket.create_connection = refuse\n"
        "from webapp.app import create_app\n"
        "assert create_app().test_client().get('/healthz').status_code == 200\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)


def test_every_answer_forbids_browsers_what_pages_do_not_need(client):
    for path in ("/healthz", "/api/v1/styles", "/api/v1/nowhere"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"]
        assert headers["Permissions-Policy"]


def test_the_policy_names_the_storage_that_browsers_use(environment, monkeypatch):
    endpoint = quote("https://files.example.org", safe="")
    monkeypatch.setenv("STORAGE_URL", f"s3://a:b@10.0.0.1:9000/images?public_endpoint={endpoint}")
    monkeypatch.setenv("RATE_LIMITS_ENABLED", "0")
    settings.cache_clear()
    policy = create_app().test_client().get("/healthz").headers["Content-Security-Policy"]
    settings.cache_clear()
    assert "img-src 'self' data: blob: https://files.example.org;" in policy
    assert "10.0.0.1" not in policy


@pytest.mark.parametrize(
    "address, is_over_tls, is_remembered",
    [
        ("https://styles.example", True, True),
        ("https://localhost:8443", True, False),  # browsers would remember it for all its ports
        ("http://localhost:8000", False, False),
    ],
)
def test_where_people_come_over_tls_cookies_and_browsers_use_nothing_else(
    environment, monkeypatch, address, is_over_tls, is_remembered
):
    monkeypatch.setenv("PUBLIC_BASE_URL", address)
    monkeypatch.setenv("RATE_LIMITS_ENABLED", "0")
    settings.cache_clear()
    app = create_app()
    settings.cache_clear()
    assert app.config["SESSION_COOKIE_SECURE"] is is_over_tls
    headers = app.test_client().get("/healthz").headers
    assert ("Strict-Transport-Security" in headers) is is_remembered


def test_a_clients_own_request_id_is_kept_and_a_strange_one_replaced(client):
    kept = client.get("/api/v1/styles", headers={"X-Request-ID": "mine-1_A"})
    assert kept.headers["X-Request-ID"] == kept.json["meta"]["request_id"] == "mine-1_A"
    replaced = client.get("/api/v1/styles", headers={"X-Request-ID": "a b<script>"})
    assert replaced.headers["X-Request-ID"] == replaced.json["meta"]["request_id"]
    assert replaced.json["meta"]["request_id"].isalnum()


def test_an_id_larger_than_any_row_names_nothing(client):
    assert client.get(f"/api/v1/styles/{2**70}").json["error"]["code"] == "STYLE_NOT_FOUND"
    assert client.get(f"/api/v1/generations/{2**63}").status_code == 404
