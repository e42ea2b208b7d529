"""@task: our one decorator of Celery tasks.

A task takes ids only, by keyword; it is acknowledged late and keeps no result. Each run is one
structured log line with its outcome, under the id of the request that asked for it, and is timed.
Tests call the plain function.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from celery import current_task, shared_task
from prometheus_client import Counter, Histogram

from celery_config import TaskName

log = structlog.get_logger()
TASK_SECONDS = Histogram(
    "task_seconds",
    "Time of each run of a task, by whether it ended or raised.",
    ["task", "outcome"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800),
)
TASK_FAILURES = Counter(
    "task_failures", "Attempts that failed for a cause of the contract.", ["task", "cause"]
)


def task(name: TaskName) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the task of that name."""

    def register(body: Callable[..., None]) -> Callable[..., None]:
        @wraps(body)
        def run(**ids: Any) -> None:
            started = time.monotonic()
            request_id = (current_task.request.headers or {}).get("request_id", "")
            with structlog.contextvars.bound_contextvars(
                task=name.value, request_id=request_id, **ids
            ):
                try:
                    body(**ids)
                except Exception:
                    log.exception("task failed", seconds=_timed(name, "failed", started))
                    raise
                log.info("task done", seconds=_timed(name, "done", started))

        registered: Callable[..., None] = shared_task(name=name.value, ignore_result=True)(run)
        return registered

    return register


def count_failure(cause: str) -> None:
    """Count an attempt of the running task that failed for a cause of the contract."""
    task_name = structlog.contextvars.get_contextvars().get("task", "")
    TASK_FAILURES.labels(task_name, cause).inc()


def _timed(name: TaskName, outcome: str, started: float) -> float:
    seconds = time.monotonic() - started
    TASK_SECONDS.labels(name.value, outcome).observe(seconds)
    return round(seconds, 3)
