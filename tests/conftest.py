"""All tests share the fixtures of tests.fixtures: real databases and a folder storage."""

from pathlib import Path

import hypothesis
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

hypothesis.settings.load_profile("ci")  # the same examples in every run, and no deadline
# They run a whole stack to the end of the session, whose connections others would miss. That of
# `contract` is a second one, so it is the last.
LAST = ("chaos", "journeys", "contract")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of a running stack behind all others; the rest stays in order."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests).parts[0]
        return 1 + LAST.index(folder) if folder in LAST else 0

    items.sort(key=place)
