"""@task: the decorator of all Celery tasks.

A task takes ids only, by keyword; it is acknowledged late and has no result. Each run is timed and
writes one log line with its outcome and the id of the request that created the job. Tests call the
plain function.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from celery import current_task, shared_task

from celery_config import TaskName
from tasks.metrics import TASK_SECONDS

log = structlog.get_logger()


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


def _timed(name: TaskName, outcome: str, started: float) -> float:
    seconds = time.monotonic() - started
    TASK_SECONDS.labels(name.value, outcome).observe(seconds)
    return round(seconds, 3)
