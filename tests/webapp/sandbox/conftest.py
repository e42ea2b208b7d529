"""The sandbox provider as a real server, for clients that speak HTTP."""

from collections.abc import Iterator

import pytest

from tests.serving import served
from webapp.sandbox.google import create_app


@pytest.fixture
def google_server() -> Iterator[str]:
    app = create_app(client_id="us", client_secret="our secret")
    with served(app) as url:
        yield url
