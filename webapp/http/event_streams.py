"""Server-sent events: the state of one object, sent when it changes, until it is final.

Each poll of the database is a short session of its own: a stream that lives for minutes holds no
connection between two polls. It does hold a thread. When most threads of a process are occupied by
streams, or one caller has several, the next stream is refused and its client polls instead.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
from flask import Response, request, stream_with_context
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.domain.errors import DomainError, RateLimitExceeded, ServiceUnavailable
from webapp.extensions import db
from webapp.http import draining, metrics, rate_limits
from webapp.http.envelope import JSON_OPTIONS

POLL_SECONDS = 0.7
HEARTBEAT_SECONDS = 15.0
# Browsers reconnect by themselves, so that no thread is occupied forever.
LONGEST_SECONDS = 900.0
MIMETYPE = "text/event-stream"
# The last message of a process that is stopped. By then the proxy has seen that it drains.
RECONNECT = b"retry: 3000\n\n"
# Of the threads in webapp.serving; the others answer requests.
MOST_STREAMS = 48
RETRY_AFTER_SECONDS = 15
# Of one user, or of one address for anonymous visitors, in one process.
MOST_OF_ONE = 8

_streams = threading.Semaphore(MOST_STREAMS)
_streams_of: Counter[str] = Counter()
_counting = threading.Lock()

Data = TypeVar("Data")  # what the events carry: a dataclass or a dict
Stamp = tuple[object, ...]


@dataclass(frozen=True)
class Source(Generic[Data]):
    """Where the events of a stream come from.

    Attributes:
        stamp: a cheap query whose result changes with the data.
        read: the query of the data.
        is_final: tells whether data will not change any more.
        poll_factor: the number of POLL_SECONDS between two polls.

    """

    stamp: Callable[[Session], Stamp]
    read: Callable[[Session], Data]
    is_final: Callable[[Data], bool]
    poll_factor: int

    def poll(self, last_stamp: Stamp | None) -> tuple[Stamp, Data | None]:
        """Return the stamp, and the data if the stamp has changed."""
        with db.session() as session:
            stamp = self.stamp(session)
            return stamp, (self.read(session) if stamp != last_stamp else None)


def stream(
    stamp: Callable[[Session], Stamp],
    read: Callable[[Session], Data],
    is_final: Callable[[Data], bool],
    *,
    poll_factor: int = 1,
) -> Response:
    """Return a stream of the present data at once, of each change, and of `end` with the last.

    The parameters are those of Source. Raises RateLimitExceeded when this caller has too many open
    streams, and ServiceUnavailable when this process has.
    """
    source = Source(stamp, read, is_final, poll_factor)
    caller = rate_limits.caller()
    cleanup = ExitStack()  # runs once, even if the answer is closed twice
    _add_stream(caller)
    cleanup.callback(_remove_stream, caller)
    if not _streams.acquire(blocking=False):
        cleanup.close()
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    cleanup.callback(_streams.release)
    answer = Response(
        stream_with_context(_messages(source)),
        mimetype=MIMETYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    answer.implicit_sequence_conversion = False
    answer.call_on_close(cleanup.close)
    return answer


def _add_stream(caller: str) -> None:
    with _counting:
        if _streams_of[caller] >= MOST_OF_ONE:
            raise RateLimitExceeded(
                limit=MOST_OF_ONE,
                window_seconds=int(LONGEST_SECONDS),
                retry_after=RETRY_AFTER_SECONDS,
            )
        _streams_of[caller] += 1


def _remove_stream(caller: str) -> None:
    with _counting:
        _streams_of[caller] -= 1
        if not _streams_of[caller]:
            del _streams_of[caller]


def _messages(source: Source[Data]) -> Iterator[bytes]:
    with metrics.STREAMS.track_inprogress():
        yield from _changes(source)


def _changes(source: Source[Data]) -> Iterator[bytes]:
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    opened_at = sent_at = time.monotonic()
    last_stamp: Stamp | None = None
    number = 0
    while time.monotonic() - opened_at < LONGEST_SECONDS:
        try:
            stamp, data = source.poll(last_stamp)
        except (DomainError, OperationalError):
            return  # deleted, hidden, or the database is unavailable: the client asks again
        if _is_closed(connection):
            return
        if data is not None:
            number += 1
            last_stamp, sent_at = stamp, time.monotonic()
            is_final = source.is_final(data)
            yield _event("end" if is_final else "update", number, data)
            if is_final:
                return
        elif time.monotonic() - sent_at >= HEARTBEAT_SECONDS:
            sent_at = time.monotonic()
            yield b": heartbeat\n\n"
        if draining.wait(POLL_SECONDS * source.poll_factor):
            yield RECONNECT  # to another process
            return


def _is_closed(connection: socket.socket | None) -> bool:
    """Tell whether the client closed the connection; without a write nothing else shows it."""
    if connection is None:
        return False
    try:
        flags = socket.MSG_PEEK | socket.MSG_DONTWAIT
        return socket.socket.recv(connection, 1, flags) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _event(name: str, number: int, data: object) -> bytes:
    body = orjson.dumps(data, option=JSON_OPTIONS)
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), number, body)
