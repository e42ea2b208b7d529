"""The sandbox provider as a real server, for clients that speak HTTP."""

import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from webapp.sandbox.google import create_app


@pytest.fixture
def google_server() -> Iterator[str]:
    app = create_app(client_id="us", client_secret="our secret")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
