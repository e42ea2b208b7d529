"""Flower as the table of processes starts it: asks for its password, and changes nothing."""

import os
import signal
import subprocess

import httpx
import pytest

from tests.broker import free_port
from tests.processes import ROOT
from tests.waiting import wait_for
from webapp.embedded.environment import environment
from webapp.embedded.processes import PROCESSES
from webapp.embedded.redis import Redis


@pytest.fixture
def flower(tmp_path):
    """A running Flower and its user."""
    [process] = [process for process in PROCESSES if process.name == "flower"]
    port = free_port()
    redis = Redis(tmp_path / "redis")
    made = environment(
        tmp_path,
        environ={"PATH": os.environ["PATH"]},
        web_port=1,
        google_port=2,
        toss_port=3,
        smtp_port=4,
        flower_port=5555,
        database_url="postgresql://nobody/none",
        redis_url=redis.start(),
    )
    log = tmp_path / "flower.log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [part.format(flower_port=port) for part in process.command],
            cwd=ROOT,
            env=made,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return httpx.get(url, timeout=5).status_code
        except httpx.HTTPError:
            return None

    try:
        wait_for(answers, "Flower", seconds=90, explain=log.read_text)
        yield url, tuple(made["FLOWER_BASIC_AUTH"].split(":"))
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        redis.stop()


def test_flower_asks_for_its_password_and_nothing_can_be_changed(flower):
    url, operator = flower
    for path in ("/", "/tasks", "/workers", "/api/workers"):
        assert httpx.get(f"{url}{path}", timeout=30).status_code == 401, path
        wrong = (operator[0], "guess")
        assert httpx.get(f"{url}{path}", auth=wrong, timeout=30).status_code == 401, path
    assert httpx.get(f"{url}/tasks", auth=operator, timeout=30).status_code == 200
    sent = httpx.post(f"{url}/api/task/send-task/refund", auth=operator, json={}, timeout=30)
    assert sent.status_code in {403, 405}
