"""Metrics for Prometheus: access, all processes, with a database and without."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from tests.broker import free_port
from tests.fixtures import ENVIRONMENT
from tests.processes import ROOT
from tests.waiting import wait_for
from tests.webapp.conftest import error_code, make_app
from webapp.domain.services import operations
from webapp.domain.settings import settings

OUTSIDE = {"REMOTE_ADDR": "203.0.113.9"}
TOKEN = "the token of Prometheus, long enough for a secret"


def test_metrics_contain_the_gauges_of_the_platform(client, ordered):
    metrics = client.get("/metrics").text
    waiting = 'queue_messages{queue="image_generation",state="waiting",task="render_images"} 1.0'
    assert waiting in metrics
    assert "\nescrow_tokens 10.0\n" in metrics
    assert "\ndatabase_up 1\n" in metrics
    assert "relay_last_success_seconds" not in metrics, "no relay has run: absent, not zero"


def test_another_machine_needs_the_token(bind, storage, monkeypatch):
    client = bind(make_app(monkeypatch, METRICS_TOKEN=TOKEN)).test_client()

    def read(**headers):
        return client.get("/metrics", environ_base=OUTSIDE, headers=headers)

    assert read(Authorization=f"Bearer {TOKEN}").status_code == 200
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Bearer "}):
        refused = read(**headers)
        assert (refused.status_code, error_code(refused)) == (403, "CALLBACK_UNAUTHORIZED")


def test_without_a_configured_token_every_bearer_is_refused(client):
    for authorization in ("Bearer ", "Bearer None"):
        headers = {"Authorization": authorization}
        answer = client.get("/metrics", environ_base=OUTSIDE, headers=headers)
        assert answer.status_code == 403


def test_metrics_of_requests_need_no_database(client, monkeypatch):
    def unavailable(_session):
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(operations, "measure", unavailable)
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "\ndatabase_up 0\n" in answer.text
    assert "http_request_seconds" in answer.text
    assert "queue_messages" not in answer.text


def test_a_request_is_one_line_with_its_path_and_without_its_query(client):
    with capture_logs() as lines:
        client.get("/api/v1/styles/7?q=mina@example.com", headers={"X-Request-ID": "r-7"})
        client.get("/healthz")
        client.get("/metrics")
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/styles/7", 404)


def test_the_end_of_the_signing_certificate_is_shown(client):
    shown = re.search(
        r"\ncontent_credentials_end_timestamp_seconds (\S+)", client.get("/metrics").text
    )
    end = settings().signing_chain().signs_until
    assert datetime.fromtimestamp(float(shown.group(1)), UTC) == end


def test_reports_of_workers_are_counted_by_their_answer(client, worker, ordered):
    body = {"generation_id": ordered.id, "fence": 99, "error_code": "GPU_OOM"}
    worker("POST", "/inference/failed", body)
    assert 'worker_reports_total{answer="stale_attempt"}' in client.get("/metrics").text


@pytest.fixture
def site(committed, storage, tmp_path):
    """The site as gunicorn serves it, in two processes."""
    port = free_port()
    log = tmp_path / "web.log"
    names = ("PATH", "HOME", "DATABASE_URL", "STORAGE_URL", "REDIS_URL")
    with log.open("wb") as output:
        web = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", "python:webapp.serving"),
                *("--bind", f"127.0.0.1:{port}", "--no-control-socket"),
                *("--graceful-timeout", "1", "webapp.app:create_app()"),
            ],
            cwd=ROOT,
            env=ENVIRONMENT
            | {name: os.environ[name] for name in names}
            | {"TMPDIR": str(tmp_path)},
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return httpx.get(f"{url}/healthz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    wait_for(answers, "the site", seconds=90, explain=log.read_text)
    yield url
    web.terminate()
    web.wait(30)
    assert not list(tmp_path.glob("style-license-metrics-*"))


def test_each_process_returns_the_metrics_of_all(site):
    def call(_):
        return httpx.get(f"{site}/healthz", timeout=30).status_code

    with ThreadPoolExecutor(8) as callers:
        assert set(callers.map(call, range(40))) == {200}
    counted = re.compile(r'http_request_seconds_count{route="/healthz",status="200"} (\d+)')
    texts = [httpx.get(f"{site}/metrics", timeout=30).text for _ in range(6)]
    # Each answer contains at least the forty requests, from either of the two processes.
    assert all(int(counted.search(text).group(1)) >= 41 for text in texts)
