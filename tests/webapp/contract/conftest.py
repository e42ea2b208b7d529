"""Event streams that say how things stand, and end."""

import pytest

from webapp.api import event_streams


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    monkeypatch.setattr(event_streams, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.0)
