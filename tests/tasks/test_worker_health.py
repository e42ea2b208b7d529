import shutil
from itertools import count
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from tasks import worker_health
from tasks.metrics import WORKER_SICK
from tasks.worker_health import MOST_FAILURES, TRIAL_SECONDS, WorkerHealth


class Usage(NamedTuple):
    free: int


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(tmp_path, clock):
    return WorkerHealth(tmp_path / "cache", 1000, clock=clock)


ROWS = count()


def run(health, *causes, row_id=None):
    """One run whose jobs fail for these causes; without any, it succeeds."""
    health.begin()
    for cause in causes:
        health.failed(cause, next(ROWS) if row_id is None else row_id)
    if not causes:
        health.succeeded()


def sick(reason):
    return WORKER_SICK.labels(reason)._value.get()


def test_a_worker_with_room_and_a_cache_is_well(health, tmp_path):
    assert health.problem() is None
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_is_said_once_and_so_is_its_end(health, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(999))
    with capture_logs() as logs:
        assert "999 bytes" in health.problem()
        assert "999 bytes" in health.problem()
        assert sick("disk") == 1
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000))
        assert health.problem() is None
    assert [(each["log_level"], each.get("reason")) for each in logs] == [
        ("error", "disk"),
        ("info", None),
    ]
    assert sick("disk") == 0


def test_a_cache_that_cannot_be_used_is_a_reason(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    health = WorkerHealth(tmp_path / "cache", 0)
    assert "cannot be used" in health.problem()
    assert sick("cache") == 1
    (tmp_path / "cache").unlink()
    assert health.problem() is None


def test_three_failed_runs_in_a_row_are_too_many(health):
    for _ in range(MOST_FAILURES - 1):
        run(health, "GPU_OOM", "GPU_OOM", "GPU_OOM", "GPU_OOM")
        assert health.problem() is None, "a batch that fails is one failure"
    run(health, "INTERNAL_ERROR")
    assert "The last 3 runs" in health.problem()


def test_a_success_between_them_and_failures_of_others_do_not_count(health):
    for causes in [("GPU_OOM",), ("GPU_OOM",), (), ("GPU_OOM",), ("GPU_OOM",)]:
        run(health, *causes)
    for _ in range(5):
        run(health, "NETWORK")
        run(health, "ADAPTER_MISMATCH")
    assert health.problem() is None


def test_one_order_that_fails_again_and_again_is_not_the_worker(health):
    for _ in range(2 * MOST_FAILURES):
        run(health, "GPU_OOM", row_id=-1)
    assert health.problem() is None


def test_after_a_while_one_run_is_tried(health, clock):
    for _ in range(MOST_FAILURES):
        run(health, "GPU_OOM")
    clock.now += TRIAL_SECONDS - 1
    assert health.problem() is not None
    clock.now += 1
    assert health.problem() is None
    run(health, "GPU_OOM")
    assert health.problem() is not None, "it failed again"
    clock.now += TRIAL_SECONDS
    run(health)
    assert health.problem() is None
    assert worker_health.REASONS == ("disk", "cache", "failures")
