"""Event streams that say how things stand and end, and the payment provider's sandbox."""

import pytest

from tests.toss import toss_server
from webapp.http import event_streams


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    monkeypatch.setattr(event_streams, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def provider(monkeypatch):
    """A chain may order tokens and go on to pay for them."""
    with toss_server() as toss:
        monkeypatch.setenv("TOSS_BASE_URL", toss.url)
        yield
