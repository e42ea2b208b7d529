"""A server that misbehaves as it is told, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANGS_UP, BREAKS_OFF = 0, 206


class MoodyServer(ThreadingHTTPServer):
    """Answers with the statuses of `moods`, one per request, then well: with what it `says`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.moods: list[int] = []
        self.asked: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.says: Any = {"data": {"applied": True, "status": "processing", "jobs": []}}
        self.on_request: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: MoodyServer

    def _answer(self) -> None:
        server = self.server
        length = int(self.headers.get("Content-Length", 0))
        server.asked.append((self.command, self.path, self.rfile.read(length), dict(self.headers)))
        server.on_request()
        status = server.moods.pop(0) if server.moods else 200
        if status == HANGS_UP:
            self.close_connection = True
            return
        body = json.dumps(server.says).encode() if "/api/" in self.path else b"whole file"
        self.send_response(status)
        cut = status == BREAKS_OFF
        self.send_header("Content-Length", str(len(body) + 100 * cut))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = cut

    do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 - as the base class names them

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def moody_server() -> Iterator[MoodyServer]:
    """Such a server on a port of its own."""
    server = MoodyServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
