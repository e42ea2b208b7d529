"""All tests share the fixtures of tests.fixtures: real databases and a folder storage."""

from pathlib import Path

import pytest

from tests.fixtures import (
    broker_url,
    committed,
    database_url,
    environment,
    scratch,
    server,
    session,
    shared_engine,
    storage,
    template,
)

__all__ = [
    "broker_url",
    "committed",
    "database_url",
    "environment",
    "scratch",
    "server",
    "session",
    "shared_engine",
    "storage",
    "template",
]

# They run a whole stack to the end of the session, whose connections others would miss.
LAST = ("contract", "journeys", "chaos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of a running stack behind all others; the rest stays in order."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).parts[0] in LAST)
