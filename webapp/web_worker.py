"""Gunicorn's threaded worker with read time-outs: a slow client holds no thread.

The head of a request is collected by the event loop, and given to a thread when it is whole; one
that does not come in time is closed. A body is read by a thread, which gives up on a client that
sends too slowly. The worker of gunicorn itself gives a connection to a thread with its first byte
and waits there without an end.
"""

import errno
import select
import socket
import time
from collections import deque
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD_SECONDS = 10.0
HEAD_BYTES = 1 << 16
HEAD_END = b"\r\n\r\n"
# A body may wait so long in all, and longer by what has come: slower lines are not from people.
BODY_SECONDS = 15.0
BODY_BYTES_PER_SECOND = 4096.0
# Of a body that was refused unread: so much of it is thrown away, for so long.
DRAIN_SECONDS = 5.0
DRAIN_BYTES = 64 << 20
NOT_NOW = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK})


class TimedSocket(socket.socket):
    """A socket that gives up on a sender who is too slow, counting only the time it waited."""

    _waited = 0.0
    _received = 0

    def begin(self) -> None:
        """Count anew, for the next request."""
        self._waited, self._received = 0.0, 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive; raises ConnectionResetError when the sender is too slow."""
        if self.gettimeout() is None:
            self._wait()
        data = super().recv(size, flags)
        self._received += len(data)
        return data

    def _wait(self) -> None:
        left = BODY_SECONDS + self._received / BODY_BYTES_PER_SECOND - self._waited
        poll = select.poll()
        poll.register(self, select.POLLIN)
        began = time.monotonic()
        is_ready = poll.poll(max(0.0, left) * 1000)
        self._waited += time.monotonic() - began
        if not is_ready:
            raise ConnectionResetError(errno.ECONNRESET, "the client sends too slowly")


def _is_readable(connection: socket.socket) -> bool:
    """Tell whether something has arrived that was not read yet, be it the end."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """A worker whose threads see only requests with a whole head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads: deque[Any] = deque()

    def accept(self, listener: Any) -> None:
        """Take a new connection, and wait for the head of its first request."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in NOT_NOW:
                return
            raise
        timed = TimedSocket(client.family, client.type, client.proto, fileno=client.detach())
        self.nr_conns += 1
        self._await_head(TConn(self.cfg, timed, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Wait for the head of the next request of a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_head(conn)

    def _await_head(self, conn: Any) -> None:
        conn.sock.setblocking(False)
        conn.head = bytearray()
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self._heads.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._read_head, conn))

    def _read_head(self, conn: Any, _socket: Any) -> None:
        try:
            part = conn.sock.recv(HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        conn.head += part
        if part and HEAD_END not in conn.head and len(conn.head) < HEAD_BYTES:
            return
        self._heads.remove(conn)
        self.poller.unregister(conn.sock)
        if part:
            conn.data_ready = True
            self.enqueue_req(conn)
        else:
            self._drop(conn)

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - as gunicorn's
        """Close the connections that were idle for too long, all of them with `force`.

        A request may have arrived since the event loop last looked, which a busy process does
        late: gunicorn would close its connection and answer with a reset.
        """
        now = time.monotonic()
        while self.keepalived_conns and (force or self.keepalived_conns[0].timeout <= now):
            conn = self.keepalived_conns[0]
            if not force and _is_readable(conn.sock):
                self.on_client_socket_readable(conn, conn.sock)
                continue
            self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self._drop(conn)

    def murder_pending(self) -> None:
        """Close the connections whose head did not come in time."""
        super().murder_pending()
        now = time.monotonic()
        while self._heads and self._heads[0].timeout <= now:
            conn = self._heads[0]
            if _is_readable(conn.sock):
                self._read_head(conn, conn.sock)  # it may have come since the last look
            if self._heads and self._heads[0] is conn:
                self._heads.popleft()
                self.poller.unregister(conn.sock)
                self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:  # noqa: FBT001 - as gunicorn's
        """Read what is left of a body that was refused, so that its sender hears why.

        Gunicorn does so for 64 KB and then closes, and a proxy that still sends sees a reset.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        return keepalive and bool(conn.parser.finish_body(deadline=deadline, max_bytes=DRAIN_BYTES))

    def handle(self, conn: Any) -> Any:
        """Handle a request in a thread, beginning with what the event loop has read of it."""
        conn.sock.begin()
        conn.init()
        conn.parser.unreader.unread(bytes(conn.head))
        conn.head.clear()
        return super().handle(conn)
