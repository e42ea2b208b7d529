"""Real PostgreSQL databases for tests: migrated once, copied as often as needed, dropped after."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import redis
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL

from webapp.domain.db import Base, engine
from webapp.domain.settings import settings
from webapp.embedded.postgres import Postgres
from webapp.embedded.redis import Redis

SYSTEM_SERVER = "postgresql+psycopg2://postgres@127.0.0.1:5432/postgres"
ROOT = Path(__file__).parents[1]
MIGRATIONS = ROOT / "migrations"


@contextmanager
def server() -> Iterator[URL]:
    """A server we may make databases on: the named one, the system's, or one of our own."""
    named = os.environ.get("TEST_DATABASE_SERVER")
    if named or _answers(5432):
        yield make_url(named or SYSTEM_SERVER)
        return
    folder = Path(tempfile.mkdtemp(prefix="style-license-test-"))
    folder.chmod(0o755)
    own = Postgres(folder / "postgres")
    own.start()
    try:
        yield make_url(own.url)
    finally:
        own.stop()
        own.remove()


@contextmanager
def cache(folder: Path) -> Iterator[str]:
    """The URL of a Redis of our own: test processes side by side must not share counters."""
    own = Redis(folder)
    url = own.start()
    with redis.Redis.from_url(url) as admin:
        admin.config_set("appendonly", "no")  # what is counted need not wait for the disk
    yield url
    own.stop()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _execute(on: URL, *statements: str) -> None:
    admin = create_engine(on, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    admin.dispose()


@contextmanager
def database(on: URL, *, template: URL | None = None) -> Iterator[URL]:
    """A fresh database, empty or a copy, dropped afterwards."""
    name = f"style_license_test_{uuid4().hex[:12]}"
    copied = f" TEMPLATE {template.database}" if template else ""
    # Nobody needs a test's rows after a power cut.
    unsafe = f"ALTER DATABASE {name} SET synchronous_commit = off"
    _execute(on, f"CREATE DATABASE {name}{copied}", unsafe)
    try:
        yield on.set(database=name)
    finally:
        _execute(on, f"DROP DATABASE {name} WITH (FORCE)")


def configure(url: URL, **settings: str) -> None:
    """Change settings of a database for everybody who connects from now on."""
    _execute(
        url, *(f"ALTER DATABASE {url.database} SET {name} = {v}" for name, v in settings.items())
    )


def use(url: URL) -> None:
    """Let the product code of this process work on a database."""
    os.environ["DATABASE_URL"] = url.render_as_string(hide_password=False)
    settings.cache_clear()
    if engine.cache_info().currsize:
        engine().dispose()
    engine.cache_clear()


def alembic_config() -> Config:
    return Config(str(ROOT / "migrations/alembic.ini"), attributes={"configure_logger": False})


def migrate(url: URL, revision: str = "head", *, folder: Path = MIGRATIONS) -> None:
    """Run the real migrations, or those of another folder; `base` and `-1` lead down."""
    before = os.environ["DATABASE_URL"]
    use(url)
    config = alembic_config()
    config.set_main_option("script_location", str(folder))
    try:
        if revision in {"base", "-1"}:
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)
    finally:
        use(make_url(before))


def empty(url: URL) -> None:
    """Forget all rows, also of the tables that refuse it."""
    # Rows are few: deleting them is a hundred times faster than truncating the files of tables.
    deletions = "; ".join(str(table.delete()) for table in Base.metadata.tables.values())
    made = create_engine(url)
    with made.begin() as connection:
        connection.execute(text(f"SET LOCAL session_replication_role = replica; {deletions}"))
    made.dispose()


def in_own_transaction(committed, act):
    """A call of `act` with a session of its own, committed at the end."""

    def run():
        with committed.begin() as mine:
            return act(mine)

    return run


def at_once(*calls) -> list:
    """Run calls in threads that start together; return their results or exceptions, in order."""
    barrier = Barrier(len(calls))
    results: list = [None] * len(calls)

    def run(place, call):
        barrier.wait()
        try:
            results[place] = call()
        except Exception as error:  # noqa: BLE001 - the test judges what it was
            results[place] = error

    threads = [Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
