"""Gunicorn's threaded worker with read timeouts: a slow client occupies no thread.

The event loop collects the head of a request and passes it to a thread when it is complete; it
closes a connection whose head is not complete in time. A thread reads the body and closes the
connection of a client that sends too slowly. Gunicorn's own worker passes a connection to a thread
at its first byte, and the thread waits without a timeout.

SIGTERM lets the process drain before it stops: for a share of gunicorn's graceful timeout it goes
on accepting requests, while its readiness tells the proxy to send them elsewhere. Gunicorn's own
worker stops accepting at once and resets what the proxy sends before it has noticed.
"""

import ctypes
import errno
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from selectors import EVENT_READ
from types import FrameType
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from webapp.http import draining

HEAD_SECONDS = 10.0
HEAD_BYTES = 1 << 16
HEAD_END = b"\r\n\r\n"
# Timeout of a body, extended by the bytes that have arrived.
BODY_SECONDS = 15.0
BODY_BYTES_PER_SECOND = 4096.0
# How much of a refused body is read and discarded, and for how long.
DISCARD_SECONDS = 5.0
DISCARD_BYTES = 64 << 20
# Of the graceful timeout, after which gunicorn kills the process: 5 of 30 seconds.
DRAIN_SHARE = 1 / 6
# Between the last SYN that is answered and the close of the port: for handshakes under way.
HANDSHAKE_SECONDS = 0.2
# Linux; the socket module does not name it.
SO_ATTACH_FILTER = 26
# A classic BPF program (code, jump if true, jump if false, operand), run on each TCP segment that
# arrives at the listening socket: drop a SYN, let everything else pass.
WITHOUT_SYN = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # SYN is set: next line; else the line after it
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)
NOT_NOW = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK})


class TimedSocket(socket.socket):
    """A socket with a timeout for slow senders; only the time spent waiting counts."""

    _waited = 0.0
    _received = 0

    def begin(self) -> None:
        """Reset the counters for the next request."""
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
    """Return whether there are unread bytes, or the end of the stream."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _drop_syns(listener: socket.socket) -> None:
    """Let no new connection begin; those that have begun can be accepted.

    A sender repeats its SYN after a second, at a closed port, and is refused. Without this, a
    connection that arrives between the last accept and the close is reset.
    """
    program = b"".join(struct.pack("HBBI", *each) for each in WITHOUT_SYN)
    kept = ctypes.create_string_buffer(program)
    length_and_address = struct.pack("HL", len(WITHOUT_SYN), ctypes.addressof(kept))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, length_and_address)


def _is_open_in(process: int, listener: socket.socket) -> bool:
    """Return whether another process of this user has the same socket open."""
    name = f"socket:[{os.fstat(listener.fileno()).st_ino}]"
    for each in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if str(each.readlink()) == name:
                return True
    return False


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """A worker whose threads get only requests with a complete head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads: deque[Any] = deque()
        self._has_drained = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, at SIGTERM; every later answer closes its connection."""
        draining.begin()
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - as gunicorn's
        """Accept connections or not; a process that is stopped first drains, then closes its port.

        A connection that nobody accepts would be reset when the process ends, and its sender could
        not know whether the request was carried out. At a closed port it is refused.
        """
        if self.alive:
            super().set_accept_enabled(enabled)
            return
        if self._has_drained:
            return
        self._has_drained = True
        super().set_accept_enabled(True)
        self._serve(self.cfg.graceful_timeout * DRAIN_SHARE)
        for listener in self.sockets:
            self._refuse_handshakes(listener)
        self._serve(HANDSHAKE_SECONDS)
        super().set_accept_enabled(False)
        for listener in self.sockets:
            self._accept_all(listener)
            listener.close()

    def _refuse_handshakes(self, listener: Any) -> None:
        # The socket is shared. Gunicorn closes its own before it stops all workers, but keeps it
        # when it replaces one of them: then the others go on accepting.
        if sys.platform == "linux" and not _is_open_in(self.ppid, listener.sock):
            _drop_syns(listener.sock)

    def _serve(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            self.notify()
            self.wait_for_and_dispatch_events(timeout=min(left, 1.0))
            self.murder_keepalived()
            self.murder_pending()

    def _accept_all(self, listener: Any) -> None:
        before = -1
        while self.nr_conns > before:
            before = self.nr_conns
            self.accept(listener)

    def accept(self, listener: Any) -> None:
        """Accept a connection and wait for the head of its first request."""
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
        """Wait for the head of the next request on a keep-alive connection."""
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
        """Close connections that were idle for too long; with `force`, all idle ones.

        A request may have arrived since the event loop last polled, which is late in a busy
        process: gunicorn would close its connection with a reset.
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
        """Close connections whose head did not arrive in time."""
        super().murder_pending()
        now = time.monotonic()
        while self._heads and self._heads[0].timeout <= now:
            conn = self._heads[0]
            if _is_readable(conn.sock):
                self._read_head(conn, conn.sock)  # it may have arrived since the last poll
            if self._heads and self._heads[0] is conn:
                self._heads.popleft()
                self.poller.unregister(conn.sock)
                self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:  # noqa: FBT001 - as gunicorn's
        """Read the rest of a refused body, so that its sender gets the answer.

        Gunicorn reads 64 KB and then closes, and a proxy that still sends gets a reset.
        """
        deadline = time.monotonic() + DISCARD_SECONDS
        return keepalive and bool(
            conn.parser.finish_body(deadline=deadline, max_bytes=DISCARD_BYTES)
        )

    def handle(self, conn: Any) -> Any:
        """Handle a request in a thread, starting with the bytes that the event loop has read."""
        conn.sock.begin()
        conn.init()
        conn.parser.unreader.unread(bytes(conn.head))
        conn.head.clear()
        return super().handle(conn)
