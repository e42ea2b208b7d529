"""`flask prepare`: what the first start of a site on a new host needs."""

import os
from contextlib import contextmanager
from threading import Thread

import pytest
from psycopg2.errors import DeadlockDetected
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from tenacity import stop_after_attempt

from tests import database
from tests.broker import free_port
from tests.waiting import wait_for
from webapp.app import create_app
from webapp.cli import preparation
from webapp.domain import readiness
from webapp.domain.settings import Environment, settings

# The migration after it changes `styles`.
BEFORE = "0039"
ALTERED = "ALTER TABLE styles ADD COLUMN"
WAITERS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'styles'::regclass"


def prepare(command="prepare"):
    return create_app().test_cli_runner().invoke(args=[command])


@pytest.fixture
def outdated(server, environment, storage):
    """A database of an older schema, which the product code of this process uses."""
    before = os.environ["DATABASE_URL"]
    with database.database(server) as url:
        database.migrate(url, BEFORE)
        database.use(url)
        engine = create_engine(url)
        yield engine
        engine.dispose()
        database.use(make_url(before))


@contextmanager
def locked_until_a_migration_gave_up(engine):
    """A transaction that has read `styles`; it ends when the lock was waited for in vain."""

    def is_waited_for():
        with engine.connect() as other:
            return other.scalar(text(WAITERS)) > 0

    def hold():
        wait_for(is_waited_for, "a migration to wait for the lock", every=0.01)
        wait_for(lambda: not is_waited_for(), "it to give up", every=0.01)
        holder.rollback()

    with engine.connect() as holder:
        holder.execute(text("SELECT FROM styles"))
        thread = Thread(target=hold)
        thread.start()
        yield
        thread.join()


def test_the_schema_and_the_storage_are_there_afterwards_however_often_it_runs(
    committed, storage, monkeypatch, tmp_path
):
    monkeypatch.setenv("STORAGE_URL", f"folder://{tmp_path}/objects")
    settings.cache_clear()
    for _ in range(2):
        answer = prepare()
        assert answer.exit_code == 0, answer.output
        assert (tmp_path / "objects").is_dir()
    settings.cache_clear()


def test_a_migration_that_waits_for_a_lock_is_tried_again(outdated):
    with locked_until_a_migration_gave_up(outdated):
        answer = prepare()
    assert answer.exit_code == 0, answer.output
    assert f"A migration waits for a lock: {ALTERED}" in answer.output
    with outdated.connect() as connection:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert revision == readiness.own_revisions()[0]


@pytest.mark.parametrize("command", ["prepare", "restored"])
def test_a_lock_that_never_becomes_free_is_named(outdated, monkeypatch, command):
    monkeypatch.setattr(preparation._run_migrations.retry, "stop", stop_after_attempt(2))
    with outdated.connect() as holder:
        holder.execute(text("SELECT FROM styles"))
        answer = prepare(command)
    assert answer.exit_code == 1
    assert answer.output.count("A migration waits for a lock: ") == 1
    last = answer.output.splitlines()[-1]
    assert last.startswith(f"Error: A migration did not get its lock in 60 seconds: {ALTERED}")


@pytest.mark.parametrize(
    "cause, tries", [(DeadlockDetected("deadlock detected"), 2), (Exception("gone"), 1)]
)
def test_a_deadlock_is_tried_again_and_another_error_is_not(environment, monkeypatch, cause, tries):
    calls = []

    def fail():
        calls.append(1)
        raise OperationalError(ALTERED, None, cause)

    monkeypatch.setattr(preparation, "upgrade", fail)
    monkeypatch.setattr(preparation._run_migrations.retry, "stop", stop_after_attempt(2))
    assert prepare().exit_code == 1
    assert len(calls) == tries


def test_a_storage_that_does_not_come_is_named_by_its_variable(committed, monkeypatch):
    monkeypatch.setenv("STORAGE_URL", f"s3://a:b@127.0.0.1:{free_port()}/files?secure=0")
    monkeypatch.setattr(preparation._prepare_storage.retry, "stop", stop_after_attempt(2))
    settings.cache_clear()
    answer = prepare()
    settings.cache_clear()
    assert answer.exit_code == 1
    assert answer.output.splitlines()[-1].startswith("Error: STORAGE_URL: ")


def test_the_operator_of_a_real_site_is_told_which_business_data_is_missing(
    committed, monkeypatch, capsys
):
    app = create_app()
    settings_of_production = app.extensions["settings"].model_copy(
        update={"env": Environment.PRODUCTION, "operator_name": "Ink & Co."}
    )
    with app.app_context():
        preparation._name_missing_business_data()
        assert capsys.readouterr().out == ""
        monkeypatch.setitem(app.extensions, "settings", settings_of_production)
        preparation._name_missing_business_data()
    told = capsys.readouterr().out
    assert "OPERATOR_EMAIL" in told
    assert "OPERATOR_NAME" not in told
