import gettext
from contextlib import ExitStack
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from sqlalchemy import text

from tests import making
from tests.webapp.conftest import error_code, make_app, signed_in_client
from webapp.domain import db as domain_db
from webapp.domain.errors import DomainError, ServiceUnavailable
from webapp.domain.models.ledger import TransferKind
from webapp.domain.models.notification import NotificationType
from webapp.extensions import db

CATALOGS = Path(__file__).parents[3] / "webapp/translations"
CODES = {
    error.code
    for error in [DomainError]
    + [error for base in DomainError.__subclasses__() for error in (base, *base.__subclasses__())]
}
KEYS = (
    CODES
    | {f"memo.{kind.value}" for kind in TransferKind}
    | {f"notification.{kind.value}" for kind in NotificationType}
    | {f"mail_digest.{name}" for name in ("all", "greeting", "intro", "more", "settings")}
    | {f"mail_digest.{name}" for name in ("subject_one", "subject_several", "unsubscribe")}
    | {"mail_digest.why_daily", "mail_digest.why_weekly"}
)


def catalog(path):
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_error_code_has_a_text_in_both_languages(language):
    translations = catalog(CATALOGS / language / "LC_MESSAGES/messages.mo")
    missing = sorted(key for key in KEYS if translations.gettext(key) == key)
    assert missing == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_compiled_catalog_is_up_to_date(language, tmp_path):
    folder = CATALOGS / language / "LC_MESSAGES"
    with (folder / "messages.po").open("rb") as source, (tmp_path / "mo").open("wb") as compiled:
        write_mo(compiled, read_po(source, locale=language))
    fresh, stored = catalog(tmp_path / "mo"), catalog(folder / "messages.mo")
    assert {key: fresh.gettext(key) for key in KEYS} == {key: stored.gettext(key) for key in KEYS}


def test_an_error_has_one_code_and_a_text_in_the_language_of_the_request(client):
    answers = {
        language: client.get("/api/v1/styles/1", headers={"Accept-Language": language}).json
        for language in ("en", "ko", "fr")
    }
    codes = {answer["error"]["code"] for answer in answers.values()}
    assert codes == {"STYLE_NOT_FOUND"}
    assert answers["en"]["error"]["message"] != answers["ko"]["error"]["message"]
    assert answers["fr"]["error"]["message"] == answers["en"]["error"]["message"]


def test_the_language_of_the_account_precedes_that_of_the_browser(buyer_client):
    buyer_client.patch("/api/v1/users/me", json={"language": "ko"})
    answer = buyer_client.get("/api/v1/styles/1", headers={"Accept-Language": "en"})
    assert answer.json["error"]["message"] == "해당 스타일을 찾을 수 없습니다."


def test_any_answer_has_the_envelope(client):
    for path in ("/api/v1/styles", "/api/v1/nowhere", "/api/styles/9", "/api/v1/auth/me"):
        answer = client.get(path)
        body = answer.json
        assert set(body) == {"success", "data", "meta"} | (set() if body["success"] else {"error"})
        assert body["meta"]["request_id"] == answer.headers["X-Request-ID"]
        assert body["meta"]["timestamp"].endswith("Z")
        if not body["success"]:
            assert body["data"] is None
            assert set(body["error"]) == {"code", "message", "details"}


def test_a_wrong_method_names_the_allowed_ones(client):
    answer = client.delete("/api/v1/tokens/packages")
    assert (answer.status_code, error_code(answer)) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.json["error"]["details"]["allowed"]
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[1,",
        b"{'a':1}",
        b"\xff\xfe",
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
def test_malformed_json_is_an_invalid_request(buyer_client, body):
    answer = buyer_client.post("/api/v1/generations", data=body, content_type="application/json")
    assert (answer.status_code, error_code(answer)) == (400, "INVALID_REQUEST")
    assert answer.json["error"]["details"]["reason"]


def test_another_content_type_is_an_invalid_request(buyer_client):
    answer = buyer_client.post("/api/v1/generations", data="style_id=1")
    assert (answer.status_code, error_code(answer)) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "7",
        '"text"',
        "{}",
        '{"style_id": 1e400, "prompt_tags": ["a"]}',
        '{"style_id": 99999999999999999999999, "prompt_tags": ["a"]}',
        '{"style_id": -1, "prompt_tags": ["a"]}',
        '{"style_id": true, "prompt_tags": ["a"]}',
        '{"style_id": "1", "prompt_tags": ["a"]}',
        '{"style_id": 1, "prompt_tags": ["a"], "count": true}',
        '{"style_id": 1, "prompt_tags": ["a"], "style_strength": "1"}',
        '{"style_id": 1, "prompt_tags": "a"}',
        '{"style_id": 1, "prompt_tags": [1]}',
        '{"style_id": 1, "prompt_tags": []}',
        '{"style_id": 1, "prompt_tags": ["a"], "count": 5}',
        '{"style_id": 1, "prompt_tags": ["a"], "count": 0}',
        '{"style_id": 1, "prompt_tags": ["a"], "seed": 4294967296}',
        '{"style_id": 1, "prompt_tags": ["a"], "style_strength": NaN}',
        '{"style_id": 1, "prompt_tags": ["a"], "style_strength": 1.51}',
        '{"style_id": 1, "prompt_tags": ["a"], "aspect_ratio": "3:4"}',
        '{"style_id": 1, "prompt_tags": ["a"], "description": {"a": 1}}',
    ],
)
def test_invalid_fields_are_named(buyer_client, body):
    answer = buyer_client.post("/api/v1/generations", data=body, content_type="application/json")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert all(texts for texts in answer.json["error"]["details"]["fields"].values())


@pytest.mark.parametrize("path", ["generations", "styles"])
def test_a_body_above_the_limit_is_refused_before_it_is_read(artist_client, path):
    answer = artist_client.post(
        f"/api/v1/{path}", data=b" " * (8 * 1024 * 1024 + 1), content_type="application/json"
    )
    assert (answer.status_code, error_code(answer)) == (413, "PAYLOAD_TOO_LARGE")
    assert answer.json["error"]["details"] == {"max_bytes": 8 * 1024 * 1024}


def test_without_the_database_the_answer_is_503_with_retry_after(bind, storage, monkeypatch):
    app = make_app(monkeypatch, DATABASE_URL="postgresql+psycopg2://user@127.0.0.1:1/none")
    for path in ("/api/v1/styles", "/api/v1/health"):
        answer = app.test_client().get(path)
        assert (answer.status_code, error_code(answer)) == (503, ServiceUnavailable.code)
        assert int(answer.headers["Retry-After"]) > 0
    assert app.test_client().get("/healthz").status_code == 200
    ready = app.test_client().get("/readyz")
    assert ready.status_code == 503
    assert ready.json["checks"]["db"]["ok"] is False
    assert ready.json["checks"]["storage"]["ok"] is True
    # No other process could do better, so the proxy goes on sending.
    assert app.test_client().get("/readyz/process").status_code == 200


def test_an_unexpected_error_shows_no_internal_text(app, monkeypatch):
    def explode(*args, **kwargs):
        raise RuntimeError("an internal secret")

    monkeypatch.setattr("webapp.domain.queries.styles.catalogue", explode)
    answer = app.test_client().get("/api/v1/styles")
    assert (answer.status_code, error_code(answer)) == (500, "INTERNAL_ERROR")
    assert b"secret" not in answer.data


def test_a_failed_request_is_rolled_back(buyer_client, session, style, buyer, app):
    body = {"style_id": style.id, "prompt_tags": ["boat"], "expected_price_tokens": 11}
    answer = buyer_client.post("/api/v1/generations", json=body)
    assert (answer.status_code, error_code(answer)) == (409, "PRICE_CHANGED")
    assert answer.json["error"]["details"] == {"price_tokens": 10}
    assert buyer_client.get("/api/v1/tokens/balance").json["data"]["token_balance"] == 100
    with app.app_context():
        assert not db.session().new


def test_who_needs_a_locked_table_gets_503_and_all_others_are_answered(
    committed, storage, monkeypatch
):
    monkeypatch.setattr(domain_db, "WEB_WAIT_SECONDS", 0.1)
    client = make_app(monkeypatch).test_client()
    with committed() as holder:
        holder.execute(text("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE"))
        answer = client.get("/api/v1/tags")
        assert (answer.status_code, error_code(answer)) == (503, ServiceUnavailable.code)
        assert int(answer.headers["Retry-After"]) > 0
        for path in ("/api/v1/styles", "/api/v1/health", "/healthz"):
            assert client.get(path).status_code == 200
        holder.rollback()
    assert client.get("/api/v1/tags").status_code == 200


def test_who_gets_no_connection_soon_gets_503(committed, storage, monkeypatch):
    monkeypatch.setattr(domain_db, "WEB_WAIT_SECONDS", 0.1)
    app = make_app(monkeypatch)
    with app.app_context(), ExitStack() as busy:
        engine = db.engine
        for _ in range(engine.pool.size() + engine.pool._max_overflow):
            busy.enter_context(engine.connect())
        answer = app.test_client().get("/api/v1/styles")
        assert (answer.status_code, error_code(answer)) == (503, ServiceUnavailable.code)
        assert app.test_client().get("/healthz").status_code == 200


def test_probes_and_money_do_not_wait_for_the_connections_of_the_others(
    committed, storage, monkeypatch
):
    monkeypatch.setattr(domain_db, "WEB_WAIT_SECONDS", 0.1)
    app = make_app(monkeypatch)
    with committed.begin() as session:
        client = signed_in_client(app, session, making.user(session))
    with app.app_context(), ExitStack() as busy:
        busy_pool = db.engine
        for _ in range(busy_pool.pool.size() + busy_pool.pool._max_overflow):
            busy.enter_context(busy_pool.connect())
        assert client.get("/api/v1/styles").status_code == 503
        for path in ("/readyz", "/api/v1/health", "/api/v1/tokens/balance", "/wallet"):
            assert client.get(path).status_code == 200, path
