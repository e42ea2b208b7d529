"""@task: our one decorator of Celery tasks.

A task takes ids only, by keyword; it is acknowledged late and keeps no result. Each run is one
structured log line with its outcome. Tests call the plain function.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from celery import shared_task

from celery_config import TaskName

log = structlog.get_logger()


def task(name: TaskName) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the task of that name."""

    def register(body: Callable[..., None]) -> Callable[..., None]:
        @wraps(body)
        def run(**ids: Any) -> None:
            started = time.monotonic()
            with structlog.contextvars.bound_contextvars(task=name.value, **ids):
                try:
                    body(**ids)
                except Exception:
                    log.exception("task failed", seconds=round(time.monotonic() - started, 3))
                    raise
                log.info("task done", seconds=round(time.monotonic() - started, 3))

        registered: Callable[..., None] = shared_task(name=name.value, ignore_result=True)(run)
        return registered

    return register
