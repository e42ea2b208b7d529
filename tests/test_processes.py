"""Processes of the tests: one that is dying is still there."""

import signal
import subprocess

import pytest

from tests.processes import PYTHON, Process
from tests.waiting import wait_for

SLEEPING = [PYTHON, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def web(tmp_path):
    return Process("web", SLEEPING, {}, tmp_path)


@pytest.fixture
def worker():
    """A child of the web, which writes that it dies."""
    with subprocess.Popen(SLEEPING) as process:
        yield process
        process.kill()


def test_a_process_counts_as_dead_when_it_has_ended_and_not_when_it_says_so(web, worker):
    assert web.deaths_at("after_payment") == 0
    web.deaths.write_text(f"after_payment {worker.pid}\n")
    assert web.deaths_at("after_payment") == 0
    worker.send_signal(signal.SIGKILL)
    wait_for(lambda: web.deaths_at("after_payment") == 1, "its end, though nobody asked for it")
    worker.wait()
    assert web.deaths_at("after_payment") == 1
    assert web.deaths_at("after_commit") == 0


def test_a_death_is_counted_once_though_its_number_is_given_to_another_process(web, worker):
    web.deaths.write_text("after_payment 999999999\n")
    assert web.deaths_at("after_payment") == 1
    web.deaths.write_text(f"after_payment {worker.pid}\n")
    assert web.deaths_at("after_payment") == 1


def test_whoever_lets_a_process_die_goes_on_when_it_has(tmp_path):
    dying = "from failpoints import failpoint; failpoint('after_mark')"
    waiting = f"import time; time.sleep(1); {dying}"
    process = Process("relay", [PYTHON, "-c", waiting], {}, tmp_path)
    process.start()
    with process.dies_at("after_mark"):
        assert process.status is None
    assert process.status == -signal.SIGKILL
    process.stop()
