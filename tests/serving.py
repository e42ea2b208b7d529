"""An app of this process as a real server, for clients that speak HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import make_server

from webapp.extensions import db


@contextmanager
def served(app: Flask, *, port: int = 0) -> Iterator[str]:
    """Serve an app on loopback, by default at any free port; gives its address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def close_pools() -> None:
    """Close the idle database connections of the running app, of all its pools."""
    for engine in db.engines.values():
        engine.dispose()
