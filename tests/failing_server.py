"""An HTTP server that fails on demand and records its requests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLOSES_CONNECTION, TRUNCATES_BODY = 0, 206


class FailingServer(ThreadingHTTPServer):
    """Responds with `statuses`, one per request, then with 200; `body` is sent as JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.requests: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.body: Any = {"data": {"applied": True, "status": "processing", "jobs": []}}
        self.location = ""  # of redirects
        self.on_request: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FailingServer

    def _respond(self) -> None:
        server = self.server
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        status = server.statuses.pop(0) if server.statuses else 200
        server.requests.append((self.command, self.path, body, dict(self.headers)))
        server.on_request()
        if status == CLOSES_CONNECTION:
            self.close_connection = True
            return
        body = json.dumps(server.body).encode() if "/api/" in self.path else b"whole file"
        self.send_response(status)
        is_truncated = status == TRUNCATES_BODY
        if server.location:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", str(len(body) + 100 * is_truncated))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = is_truncated

    do_GET = do_POST = do_PATCH = do_PUT = _respond  # noqa: N815 - names of the base class

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def failing_server() -> Iterator[FailingServer]:
    """Run a server on a free port."""
    server = FailingServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
