"""What processes tell: lines of one shape without addresses, and each error to Sentry once."""

import json
import logging

import pytest
import sentry_sdk
import structlog
from flask import request
from sentry_sdk.transport import Transport

import logs
from tasks.on_cpu.refund import refund
from webapp.app import create_app
from webapp.domain.services import job_attempts
from webapp.http.access import public

ASKED = {"X-Who": "mina@example.com", "X-Request-ID": "order-1"}


@pytest.fixture
def started(monkeypatch):
    """Starts the logs of a process, and takes all of it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def start(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        logs.start()

    yield start
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged_lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_our_lines_and_those_of_libraries_have_one_shape(started, capsys):
    started()
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("ours").info("sold", job_id=7)
        logging.getLogger("celery.worker").warning("lost %s", "broker")
    ours, theirs = logged_lines(capsys)
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "sold",
        "job_id": 7,
        "level": "info",
        "logger": "ours",
        "request_id": "r-1",
    }
    assert set(theirs) == {"event", "level", "logger", "request_id", "timestamp"}
    assert (theirs["event"], theirs["level"]) == ("lost broker", "warning")


def test_no_address_reaches_a_line_wherever_it_came_from(started, capsys):
    started()
    try:
        int("mina.park@example.com")
    except ValueError:
        structlog.get_logger().exception("failed", who="jun@example.co.kr")
    logging.getLogger("library").info("mail to %s", "kim+1@example.org")
    first, second = logged_lines(capsys)
    assert "example" not in first["who"] + second["event"]
    assert "with base 10: '[e-mail]'" in first["exception"]


def test_a_person_at_a_terminal_reads_text_and_production_writes_json(started, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    started(ENV="development")
    structlog.get_logger().info("sold", job_id=7)
    assert not capsys.readouterr().err.startswith("{")
    started(ENV="production")
    structlog.get_logger().info("sold", job_id=7)
    assert logged_lines(capsys)[0]["job_id"] == 7


# ── Sentry ───────────────────────────────────────────────────────────────────────────────────


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self):
        super().__init__()
        self.events = []

    def capture_envelope(self, envelope):
        self.events.append(envelope.get_event())


@pytest.fixture
def reported(started):
    """Starts a process with a DSN; what it would send is kept."""
    started(SENTRY_DSN="http://key@127.0.0.1:1/1")
    client = sentry_sdk.get_client()
    client.transport.kill()
    client.transport = Kept()
    return client.transport.events


def test_an_unexpected_error_of_a_view_arrives_once_under_its_request(environment, reported):
    app = create_app()

    @app.get("/broken")
    @public
    def broken():
        prompt = f"a boat for {request.headers['X-Who']}"
        raise RuntimeError(f"broken for {request.headers['X-Who']}, {len(prompt)}")

    answer = app.test_client().get("/broken", headers=ASKED)
    assert answer.status_code == 500
    [event] = reported
    assert event["tags"]["request_id"] == "order-1"
    [raised] = event["exception"]["values"]
    assert (raised["type"], raised["value"]) == ("RuntimeError", "broken for [e-mail], 27")
    sent = json.dumps(event)
    assert "mina@" not in sent
    assert "a boat for mina" not in sent
    assert "user" not in event


def test_an_unexpected_error_of_a_task_arrives_once_under_its_request(
    committed, reported, monkeypatch
):
    monkeypatch.setattr(job_attempts, "abandon", lambda *_args: 1 / 0)
    refund.apply(kwargs={"job_id": 7}, headers={"request_id": "order-1"}, throw=False)
    [event] = reported
    assert event["tags"] == {"request_id": "order-1", "task": "refund", "job_id": "7"}
    assert event["exception"]["values"][0]["type"] == "ZeroDivisionError"


def test_an_error_line_without_an_exception_is_reported_too(reported):
    structlog.get_logger().error("ledger violated", invariant="I1")
    structlog.get_logger().warning("nothing to report")
    [event] = reported
    assert (event["message"], event["extra"]["invariant"]) == ("ledger violated", "I1")


def test_without_a_dsn_nothing_is_started(started):
    started(SENTRY_DSN="")
    structlog.get_logger().error("ledger violated")
    assert not sentry_sdk.is_initialized()


def test_a_worker_keeps_the_request_of_the_message_and_forgets_it_after(committed, started, capsys):
    started()
    refund.apply(kwargs={"job_id": 10**9}, headers={"request_id": "order-2"}, throw=True)
    done = [line for line in logged_lines(capsys) if line["event"] == "task done"]
    assert [line["request_id"] for line in done] == ["order-2"]
    assert structlog.contextvars.get_contextvars() == {}
