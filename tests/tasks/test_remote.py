"""`python -m tasks.remote` and its site: when it asks, when it waits, when it leaves, and how."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from pydantic import ValidationError

from tasks import remote
from tasks.gpu_jobs import rendering, training
from tasks.remote import RemoteWorker
from tasks.worker_api import worker_settings
from tests.failing_server import CLOSES_CONNECTION, failing_server

CACHED = (worker_settings, rendering.worker_api, training.worker_api)


@pytest.fixture(autouse=True)
def _fresh_process():
    """Clear the caches of the process and restore its signal handlers."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for each in CACHED:
        each.cache_clear()
    yield
    for each in CACHED:
        each.cache_clear()
    for number, handler in before.items():
        signal.signal(number, handler)


TRAINING = {
    "job_id": 1,
    "kind": "training",
    "fence": 1,
    "attempt": 1,
    "lease_seconds": 60,
    "payload": {
        "style_id": 1,
        "training_run_id": 1,
        "base_model": "built-in",
        "trigger": "<style-1>",
        "seed": 1,
        "slice_seconds": 600,
        "works": [],
    },
    "download": {},
    "upload": {},
}


@pytest.fixture
def site(monkeypatch, tmp_path):
    with failing_server() as server:
        monkeypatch.setenv("INTERNAL_API_URL", server.url)
        monkeypatch.setenv("INTERNAL_API_TOKEN", "a token")
        monkeypatch.setenv("POLL_SECONDS", "0.1")
        monkeypatch.setenv("WORKER_CACHE_DIR", str(tmp_path))
        yield server


@pytest.fixture
def start(monkeypatch):
    """Run the program with these arguments; it trains only, so it loads no model before."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["remote", "--kinds", "training", *arguments])
        remote.main()

    return run


def test_once_means_one_question_when_there_is_nothing_to_do(site, start):
    start("--once")
    [(method, path, body, headers)] = site.requests
    assert (method, path) == ("POST", "/api/v1/webhooks/claim")
    assert headers["X-Request-Source"] == "training-server"
    assert b'"kinds":["training"]' in body
    assert b"job_id" not in body


def test_a_site_that_does_not_know_the_token_ends_it_with_words_for_the_operator(
    site, start, capsys
):
    site.statuses = [403]
    with pytest.raises(SystemExit) as ended:
        start()
    assert ended.value.code == remote.EXIT_REFUSED
    output = capsys.readouterr().out
    assert "refuses this worker" in output
    assert "INTERNAL_API_TOKEN" in output
    assert "403" in output
    assert "a token" not in output


def test_a_site_that_is_away_or_sick_is_waited_for(site, start):
    site.statuses = [503, CLOSES_CONNECTION, 429, 200]
    start("--once")
    assert len(site.requests) == 4


def test_without_work_it_asks_again_until_it_is_told_to_leave(site, start):
    def leave_at_the_third():
        if len(site.requests) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    site.on_request = leave_at_the_third
    start()
    assert len(site.requests) == 3


def test_what_is_named_first_is_asked_for_first(site):
    RemoteWorker(("training", "generation"), 0.1).run(once=True)
    sources = [headers["X-Request-Source"] for *_, headers in site.requests]
    assert sources == ["training-server", "inference-server"]


def test_who_is_leaving_asks_for_nothing_more(site):
    worker = RemoteWorker(("generation", "training"), 0.1)
    site.on_request = worker.leave
    worker.run(once=False)
    assert len(site.requests) == 1


def test_an_error_nobody_foresaw_ends_the_process(site, start):
    # The download fails, and the site answers the report of that with something else.
    site.statuses = [200, 404]
    site.body = {"data": {"jobs": [TRAINING | {"download": {"checkpoint": f"{site.url}/file"}}]}}
    with pytest.raises(ValidationError, match="Answer"):
        start()


def test_a_job_that_is_not_of_the_worker_protocol_ends_it_with_words_for_the_operator(
    site, start, capsys
):
    site.body = {"data": {"jobs": [TRAINING | {"payload": {}}]}}
    with pytest.raises(SystemExit) as ended:
        start()
    assert ended.value.code == remote.EXIT_REFUSED
    assert "the response is not of the worker protocol" in capsys.readouterr().out


def test_waiting_grows_while_the_site_is_away_and_has_an_end():
    worker = RemoteWorker(("training",), 2.0)
    assert all(1.0 <= worker.backoff_seconds(0) <= 2.0 for _ in range(20))
    assert all(4.0 <= worker.backoff_seconds(2) <= 8.0 for _ in range(20))
    assert all(15.0 <= worker.backoff_seconds(5000) <= 30.0 for _ in range(20))


# The first claim finds no job, but imports all: the limit is for the second one.
HANGS = """
import sys
from tasks import remote
remote.train_slice()
remote.TIME_LIMIT_SECONDS["training"] = 6
sys.argv = ["remote", "--kinds", "training"]
remote.main()
"""


def test_work_that_hangs_ends_the_process_and_says_where(site):
    released = threading.Event()
    site.on_request = lambda: len(site.requests) > 1 and released.wait()
    try:
        done = subprocess.run(
            [sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=120
        )
    finally:
        released.set()
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert "in train_slice" in done.stderr


@pytest.mark.parametrize("kinds", ["", "train", "training,segments"])
def test_kinds_nobody_knows_are_refused(monkeypatch, capsys, kinds):
    monkeypatch.setattr("sys.argv", ["remote", "--kinds", kinds])
    with pytest.raises(SystemExit) as ended:
        remote.main()
    assert ended.value.code == 2
    assert "some of training, generation" in capsys.readouterr().err


def test_an_incomplete_environment_is_named(monkeypatch, start, capsys):
    for name in ("INTERNAL_API_URL", "INTERNAL_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        start()
    assert ended.value.code == 2
    output = capsys.readouterr().err
    assert "INTERNAL_API_URL" in output
    assert "INTERNAL_API_TOKEN" in output
