"""Server-sent events: the state of one thing, sent when it changes, until it is final.

Each look at the database is a short session of its own: a stream that lives for minutes holds no
connection between two looks. It holds a thread, though: when most of a process's are taken, or one
person has several, the next stream is refused, and whoever asked for it polls instead.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import orjson
from flask import Response, request, stream_with_context
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.domain.errors import DomainError, RateLimitExceeded, ServiceUnavailable
from webapp.extensions import db
from webapp.http import metrics, rate_limits
from webapp.http.envelope import JSON_OPTIONS

POLL_SECONDS = 0.7
HEARTBEAT_SECONDS = 15.0
# A browser reconnects by itself; a thread of ours must not be held for ever.
LONGEST_SECONDS = 900.0
MIMETYPE = "text/event-stream"
# Of the threads in webapp.serving; the others answer requests.
MOST_STREAMS = 48
RETRY_AFTER_SECONDS = 15

# Of one person, or of one address that nobody is signed in from, in one process.
MOST_OF_ONE = 8

_places = threading.Semaphore(MOST_STREAMS)
_open_of: Counter[str] = Counter()
_counting = threading.Lock()

Data = TypeVar("Data")  # what the events carry: a dataclass or a dict
# A cheap query whose result changes with the data, and the query of the data.
Stamp = Callable[[Session], tuple[Any, ...]]
Look = Callable[[Session], Data]


def stream(
    stamp: Stamp, look: Look[Data], is_final: Callable[[Data], bool], *, rarer: int = 1
) -> Response:
    """Return the stream: at once the present state, then each change, and `end` at the last.

    It looks that many times more rarely than others. Raises RateLimitExceeded when this caller has
    too many open, and ServiceUnavailable when too many are open in this process.
    """
    caller = rate_limits.caller()
    place = ExitStack()  # closed once, however often the answer is
    _enter(caller)
    place.callback(_leave, caller)
    if not _places.acquire(blocking=False):
        place.close()
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    place.callback(_places.release)
    answer = Response(
        stream_with_context(_messages(stamp, look, is_final, rarer)),
        mimetype=MIMETYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    answer.implicit_sequence_conversion = False
    answer.call_on_close(place.close)
    return answer


def _enter(caller: str) -> None:
    with _counting:
        if _open_of[caller] >= MOST_OF_ONE:
            raise RateLimitExceeded(
                limit=MOST_OF_ONE,
                window_seconds=int(LONGEST_SECONDS),
                retry_after=RETRY_AFTER_SECONDS,
            )
        _open_of[caller] += 1


def _leave(caller: str) -> None:
    with _counting:
        _open_of[caller] -= 1
        if not _open_of[caller]:
            del _open_of[caller]


def _messages(
    stamp: Stamp, look: Look[Data], is_final: Callable[[Data], bool], rarer: int
) -> Iterator[bytes]:
    with metrics.STREAMS.track_inprogress():
        yield from _changes(stamp, look, is_final, rarer)


def _changes(
    stamp: Stamp, look: Look[Data], is_final: Callable[[Data], bool], rarer: int
) -> Iterator[bytes]:
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    began = heard = time.monotonic()
    last: tuple[Any, ...] | None = None
    number = 0
    while time.monotonic() - began < LONGEST_SECONDS:
        try:
            now, data = _look(stamp, look, last)
        except (DomainError, OperationalError):
            return  # gone, hidden meanwhile, or the database away: the client asks again
        if _is_gone(connection):
            return
        if data is not None:
            number += 1
            last, heard = now, time.monotonic()
            ended = is_final(data)
            yield _event("end" if ended else "update", number, data)
            if ended:
                return
        elif time.monotonic() - heard >= HEARTBEAT_SECONDS:
            heard = time.monotonic()
            yield b": still here\n\n"
        time.sleep(POLL_SECONDS * rarer)


def _is_gone(connection: socket.socket | None) -> bool:
    """Tell whether the client has left: as long as nothing is sent, nobody else would notice."""
    if connection is None:
        return False
    try:
        flags = socket.MSG_PEEK | socket.MSG_DONTWAIT
        return socket.socket.recv(connection, 1, flags) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _look(
    stamp: Stamp, look: Look[Data], last: tuple[Any, ...] | None
) -> tuple[tuple[Any, ...], Data | None]:
    with db.session() as session:
        now = stamp(session)
        return now, (look(session) if now != last else None)


def _event(name: str, number: int, data: object) -> bytes:
    body = orjson.dumps(data, option=JSON_OPTIONS)
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), number, body)
