"""Temporary space for the bodies of large forms, whose files go to the disk as they come.

It is bounded for this process, and one person has one such body at a time. A form of the usual size
is not counted here: as many as there are threads fit beside the budget.
"""

import threading

from flask import Flask, g

from webapp.domain.errors import ServiceUnavailable

BUDGET_BYTES = 2 << 30
RETRY_AFTER_SECONDS = 15

_lock = threading.Lock()
_bodies: dict[int, int] = {}
"""Bytes that are reserved, by the id of the person who sends them."""


def reserve(person_id: int, size: int) -> None:
    """Reserve space until the end of this request. Raises ServiceUnavailable when there is none."""
    with _lock:
        if person_id in _bodies or sum(_bodies.values()) + size > BUDGET_BYTES:
            raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
        _bodies[person_id] = size
    g.space_reserved_by = person_id


def register(app: Flask) -> None:
    """Give back at the end of each request what it has reserved."""

    @app.teardown_request
    def release(_error: BaseException | None) -> None:
        person_id = g.pop("space_reserved_by", None)
        if person_id is not None:
            with _lock:
                del _bodies[person_id]
