"""A migrated database: a session that is rolled back, or rows that are really committed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

from tests import database, signing
from tests.broker import Broker, answers
from webapp.domain import decoding_slots
from webapp.domain.db import SESSION, engine, engine_options
from webapp.domain.gateways.storage import FolderStorage, make_storage
from webapp.domain.settings import settings

# A busy machine pauses for seconds: what the site gives up early, tests wait for.
PATIENCE_SECONDS = 60
PATIENT_SESSION = SESSION | {
    "statement_timeout": f"{1000 * PATIENCE_SECONDS}",
    "idle_in_transaction_session_timeout": f"{4000 * PATIENCE_SECONDS}",
}
LOCAL_BROKER = "amqp://guest:guest@127.0.0.1:5672//"
ENVIRONMENT = {
    "ENV": "test",
    "SECRET_KEY": "a secret key of the tests, long enough",
    "INTERNAL_API_TOKEN": "the token of the tests' workers, long enough",
    "BROKER_URL": "amqp://guest:guest@127.0.0.1:1//",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "PUBLIC_BASE_URL": "http://localhost:8000",
    "GOOGLE_CLIENT_ID": "client",
    "GOOGLE_CLIENT_SECRET": "secret",
    "TOSS_CLIENT_KEY": "test_ck_of_the_tests",
    "TOSS_SECRET_KEY": "test_sk_of_the_tests",
} | signing.development()


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """A PostgreSQL server on which tests may make databases."""
    with database.server() as found:
        yield found


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every setting, as a deployment would give it; no broker is behind it."""
    folder = tmp_path_factory.mktemp("objects")
    # The slots of a machine are those of all its processes; tests side by side would wait.
    slots = tmp_path_factory.mktemp("slots")
    cache = database.cache(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch, cache as redis_url:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("REDIS_URL", redis_url)
        patch.setenv("STORAGE_URL", f"folder://{folder}")
        patch.setenv("DATABASE_URL", database.SYSTEM_SERVER)
        patch.setattr(decoding_slots, "_folder", lambda: slots)
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def template(server: URL, environment: None) -> Iterator[URL]:
    """A migrated database that others are copied from; nobody works on it."""
    with database.database(server) as made:
        database.migrate(made)
        yield made


@pytest.fixture(scope="session")
def database_url(server: URL, template: URL) -> Iterator[URL]:
    """The database of the tests that commit, and of those that roll back."""
    with database.database(server, template=template) as made:
        database.use(made)
        yield made
        engine().dispose()
        engine.cache_clear()


def patient_engine(url: URL, pool_size: int = 5) -> Engine:
    """An engine as the site has it, whose connections and statements may take a minute."""
    options: dict[str, Any] = engine_options(pool_size, PATIENT_SESSION)
    options["connect_args"]["connect_timeout"] = PATIENCE_SECONDS
    return create_engine(url, **options)


@pytest.fixture(scope="session")
def shared_engine(database_url: URL) -> Iterator[Engine]:
    made = patient_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def session(shared_engine: Engine) -> Iterator[Session]:
    """One outer transaction, rolled back at the end; commits inside are savepoints."""
    with shared_engine.connect() as connection:
        outer = connection.begin()
        with Session(
            connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        ) as made:
            yield made
        outer.rollback()


@pytest.fixture
def committed(database_url: URL) -> Iterator[sessionmaker[Session]]:
    """Makes sessions that really commit, each on its own connection; emptied afterwards."""
    made = patient_engine(database_url, pool_size=60)
    yield sessionmaker(made, expire_on_commit=False)
    made.dispose()
    database.empty(database_url)


@pytest.fixture
def scratch(server: URL, template: URL) -> Iterator[sessionmaker[Session]]:
    """A database of its own, in which a test may break what must not be broken."""
    with database.database(server, template=template) as url:
        made = patient_engine(url, pool_size=60)
        yield sessionmaker(made, expire_on_commit=False)
        made.dispose()


@pytest.fixture
def storage(environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStorage:
    """An empty folder storage, which the product code of this process uses as well."""
    monkeypatch.setenv("STORAGE_URL", f"folder://{tmp_path / 'objects'}")
    settings.cache_clear()
    made = make_storage(
        storage_url=os.environ["STORAGE_URL"],
        public_base_url=settings().public_base_url,
        secret_key=settings().secret_key,
    )
    assert isinstance(made, FolderStorage)
    made.prepare()
    return made


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ: the one of this machine, or a node of the tests."""
    if answers(LOCAL_BROKER):
        yield LOCAL_BROKER
        return
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    try:
        yield broker.url
    finally:
        broker.stop()
