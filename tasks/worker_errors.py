"""Errors of the worker protocol, and the causes that a worker reports of failures."""

import httpx


class ResultRejectedError(Exception):
    """The API rejected a result that breaks a guarantee (422)."""


class ClaimError(Exception):
    """A claim failed; `is_transient` when a retry may succeed, false when the worker is refused."""

    def __init__(self, message: str, *, is_transient: bool) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class WorkerSick(ClaimError):
    """A worker is not fit to claim jobs; it may be later."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, is_transient=True)


def cause_of(error: Exception) -> tuple[str, str]:
    """Return the cause of a failure (docs/api.md, Worker protocol) and a safe message."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, str):  # an EngineError has its cause
        return cause, str(error)
    if isinstance(error, httpx.HTTPError):
        return "NETWORK", f"Storage or the API failed: {type(error).__name__}."
    if isinstance(error, OSError):  # its disk is full, its cache unreadable
        return "WORKER_LOST", f"The machine of the worker failed: {error.strerror}."
    # Celery's error by its name: tasks.remote runs without Celery.
    if type(error).__name__ == "SoftTimeLimitExceeded":
        return "TIMEOUT", "The time limit was exceeded."
    return "INTERNAL_ERROR", type(error).__name__
