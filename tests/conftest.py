"""All tests share the fixtures of tests.fixtures: real databases and a folder storage."""

from tests.fixtures import (
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
