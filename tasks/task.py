"""@task: the decorator of all Celery tasks.

A task takes ids only, by keyword; it is acknowledged late and has no result. Each run is timed and
writes one log line with its outcome and the id of the request that created the job. The outcome is
also the state that Celery and Flower show: SUCCESS, RETRY, FAILURE or IGNORED. The database decides
about retries, so Celery republishes nothing. Tests call the plain function.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from celery import current_task, shared_task
from celery.exceptions import Ignore, Retry

from celery_config import TaskName
from tasks.metrics import TASK_SECONDS
from tasks.outcomes import JobFailure, Outcome

log = structlog.get_logger()


def task(name: TaskName) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as the task of that name."""

    def register(body: Callable[..., None]) -> Callable[..., None]:
        @wraps(body)
        def run(**ids: Any) -> None:
            request = current_task.request
            request_id = (request.headers or {}).get("request_id", "")
            with structlog.contextvars.bound_contextvars(
                task=name.value, request_id=request_id, **ids
            ):
                shown = _run(name, body, ids)
            # Called directly or in a shell there is no message whose state could be shown.
            if shown is not None and not (request.called_directly or request.is_eager):
                raise shown

        registered: Callable[..., None] = shared_task(
            name=name.value,
            ignore_result=True,
            throws=(JobFailure,),
            Request="tasks.requests:TaskRequest",
        )(run)
        return registered

    return register


def end_task(outcome: Outcome, message: str = "") -> None:
    """Raise what makes Celery show the outcome; return for Outcome.DONE."""
    if outcome is Outcome.RETRIED:
        raise Retry(message, exc=JobFailure(message))
    if outcome is Outcome.FAILED:
        raise JobFailure(message)
    if outcome is Outcome.IGNORED:
        raise Ignore(message)


def _run(name: TaskName, body: Callable[..., None], ids: dict[str, int]) -> Exception | None:
    """Run a task, time it and log it; return the exception of `end_task`. Raises all others."""
    started = time.monotonic()
    shown: Exception | None = None
    outcome = Outcome.DONE
    try:
        body(**ids)
    except Retry as error:
        shown, outcome = error, Outcome.RETRIED
    except JobFailure as error:
        shown, outcome = error, Outcome.FAILED
    except Ignore as error:
        shown, outcome = error, Outcome.IGNORED
    except Exception:
        log.exception("task failed", seconds=_timed(name, "raised", started))
        raise
    seconds = _timed(name, outcome.value, started)
    log.info("task done", outcome=outcome.value, seconds=seconds)
    return shown


def _timed(name: TaskName, outcome: str, started: float) -> float:
    seconds = time.monotonic() - started
    TASK_SECONDS.labels(name.value, outcome).observe(seconds)
    return round(seconds, 3)
