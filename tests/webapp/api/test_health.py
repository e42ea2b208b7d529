import threading

import pytest
from sqlalchemy import text

from tests.webapp.conftest import error_code
from webapp.domain import readiness
from webapp.http import draining


@pytest.fixture
def process(monkeypatch):
    """Whether this process drains, forgotten after the test."""
    monkeypatch.setattr(draining, "_begun", threading.Event())
    return draining


def move_schema(session, revision, oldest):
    """Put the database at the schema of another code, as its migration would leave it."""
    session.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})
    session.execute(
        text("UPDATE schema_compatibility SET revision = :at, oldest_code = :oldest"),
        {"at": revision, "oldest": oldest},
    )
    session.commit()


def test_the_process_answers(client):
    assert client.get("/healthz").json == {"status": "ok"}


def test_readiness_reports_everything_and_only_the_database_decides(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    checks = answer.json["checks"]
    assert set(checks) == {"db", "broker", "redis", "storage"}
    assert checks["db"]["ok"] is True
    assert checks["broker"]["ok"] is False  # the tests name a port where nobody listens
    assert all(set(check) == {"ok", "latency_ms"} for check in checks.values())


def test_a_database_without_the_newest_migration_is_not_ready(client, session):
    session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]["db"]["ok"]) == (503, False)
    assert "older" not in answer.text


def test_a_newer_schema_that_names_this_code_is_ready(client, session):
    move_schema(session, "9001", readiness.own_revisions()[0])
    assert client.get("/readyz").json["checks"]["db"]["ok"] is True
    assert client.get("/readyz/process").status_code == 200


def test_a_process_gets_no_requests_at_a_schema_it_cannot_live_with(client, session):
    assert client.get("/readyz/process").json == {"status": "ok"}
    for revision in ("9001", readiness.own_revisions()[1]):
        move_schema(session, revision, "9001")
        answer = client.get("/readyz/process")
        assert (answer.status_code, answer.json) == (503, {"status": "schema"})
    assert client.get("/readyz").status_code == 503


def test_a_process_that_drains_is_not_ready_but_answers(client, process):
    process.begin()
    for path in ("/readyz", "/readyz/process"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["status"]) == (503, "draining")
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/v1/styles").status_code == 200


def test_clients_hear_in_an_envelope_that_the_service_is_up(client):
    data = client.get("/api/health/").json["data"]
    assert (data["status"], data["database"]) == ("ok", "connected")
    assert data["service"]
    assert data["version"]


def test_metrics_stay_on_this_machine(client):
    assert b"python_info" in client.get("/metrics").data
    outside = client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert (outside.status_code, error_code(outside)) == (403, "CALLBACK_UNAUTHORIZED")
    forwarded = client.get(
        "/metrics",
        headers={"X-Forwarded-For": "127.0.0.1"},
        environ_base={"REMOTE_ADDR": "203.0.113.9"},
    )
    assert forwarded.status_code == 403


def test_requests_are_measured_by_route_and_not_by_path(client):
    for number in range(3):
        client.get(f"/api/v1/styles/{number}")
    told = client.get("/metrics").text
    line = 'http_request_seconds_count{route="/api/v1/styles/<id:style_id>",status="404"}'
    assert line in told
    assert "/api/v1/styles/2" not in told
    assert "sse_clients 0.0" in told
