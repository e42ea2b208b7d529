"""The site and its workers on a database behind PgBouncer, which pools transactions."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests import database, making
from tests.pgbouncer import pgbouncer
from tests.webapp.conftest import error_code, make_app, signed_in_client
from webapp.domain import db as domain_db, jobs, relay
from webapp.domain.db import engine, unit_of_work
from webapp.domain.settings import settings
from webapp.extensions import db

SHOWN = text(
    "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
    " current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')"
)
SESSIONS = 2  # a holder of a lock, and one that all others share


@pytest.fixture
def pooled(database_url, committed, tmp_path, monkeypatch):
    """The URL by which web and workers reach the database; both share one session there."""
    with pgbouncer(database_url, tmp_path, sessions=SESSIONS) as url:
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        direct = database_url.render_as_string(hide_password=False)
        monkeypatch.setenv("DATABASE_DIRECT_URL", direct)
        settings.cache_clear()
        engine.cache_clear()
        yield url
        engine().dispose()
        monkeypatch.undo()
        database.use(database_url)


@pytest.fixture
def app(pooled, storage, monkeypatch):
    return make_app(monkeypatch)


def test_an_order_is_taken_and_paid(app, committed, storage):
    with committed() as session:
        style, buyer = making.style(session, storage), making.user(session)
        session.commit()
        client = signed_in_client(app, session, buyer)
    body = {"style_id": style.id, "prompt_tags": ["boat"]}
    answer = client.post("/api/v1/generations", json=body)
    assert answer.status_code == 201
    assert client.get("/api/v1/tokens/balance").json["data"]["token_balance"] == 90
    with committed() as session:
        assert making.violations(session) == []


def test_every_transaction_has_the_limits_of_its_process_and_leaves_none_behind(app, pooled):
    plain = create_engine(pooled)
    for _ in range(2):
        with app.app_context():
            assert tuple(db.session.execute(SHOWN).one()) == ("15s", "2s", "30s", "UTC")
        with unit_of_work() as session:
            assert tuple(session.execute(SHOWN).one()) == ("15s", "0", "30s", "UTC")
        with plain.connect() as connection:
            statement, lock, idle, _ = connection.execute(SHOWN).one()
        assert (statement, lock, idle) == ("0", "0", "0")
    plain.dispose()


def test_who_needs_a_locked_table_gets_503(pooled, storage, committed, monkeypatch):
    monkeypatch.setattr(domain_db, "WEB_WAIT_SECONDS", 0.1)
    client = make_app(monkeypatch).test_client()
    with committed() as holder:
        holder.execute(text("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE"))
        answer = client.get("/api/v1/tags")
        assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
        assert client.get("/api/v1/styles").status_code == 200


def test_without_the_setting_nothing_is_taken(pooled, storage, monkeypatch):
    app = make_app(monkeypatch, DATABASE_DIRECT_URL="")
    assert app.test_client().get("/readyz").status_code == 503


def test_the_relay_hears_of_new_jobs_and_migrations_wait_for_locks_as_long_as_ever(
    pooled, committed
):
    listener = relay.Listener(settings().database_session_url)
    listener.wait(0)
    with unit_of_work() as session:
        session.execute(text(f"NOTIFY {jobs.NOTIFY_CHANNEL}"))
    listener.wait(3600)
    with committed() as holder:
        holder.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            database.migrate(pooled)
