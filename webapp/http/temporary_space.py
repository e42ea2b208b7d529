"""Disk space for the bodies of large forms, whose files are written to disk while they arrive.

Each process has a budget, and each user or network may send one such body at a time. Forms of the
usual size are not counted: one per thread fits beside the budget.
"""

import threading

from flask import Flask, g, request

from webapp.domain.errors import ServiceUnavailable

BUDGET_BYTES = 2 << 30
RETRY_AFTER_SECONDS = 15
MAX_VISITORS = 8
"""Such bodies of visitors at once: each may hold one of the 64 threads for long, by being slow."""

_lock = threading.Lock()
_bodies: dict[int | str, int] = {}
"""Reserved bytes by user id, or by the network of a visitor."""


def reserve(owner: int | str, size: int) -> None:
    """Reserve space until the end of this request. Raises ServiceUnavailable when there is none."""
    with _lock:
        visitors = sum(isinstance(each, str) for each in _bodies)
        if isinstance(owner, str) and visitors >= MAX_VISITORS:
            raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
        if owner in _bodies or sum(_bodies.values()) + size > BUDGET_BYTES:
            raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
        _bodies[owner] = size
    g.space_reserved_by = owner


def register(app: Flask) -> None:
    """Close at the end of each request the files of its form, and release their space."""

    @app.teardown_request
    def release(_error: BaseException | None) -> None:
        request.close()
        owner = g.pop("space_reserved_by", None)
        if owner is not None:
            with _lock:
                del _bodies[owner]
