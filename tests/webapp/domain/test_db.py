from datetime import timedelta

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import OperationalError, StatementError

from tests import making
from webapp.domain.db import Base, engine, engine_options, transaction, unit_of_work
from webapp.domain.models.account import User


def people(session):
    return session.scalar(select(func.count()).select_from(User))


def test_what_was_done_inside_is_committed(committed):
    with committed() as session, transaction(session):
        making.user(session)
    with committed() as session:
        assert people(session) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_goes_wrong_inside_leaves_nothing(committed, error):
    def work():
        with committed() as session, transaction(session):
            making.user(session)
            raise error

    with pytest.raises(error):
        work()
    with committed() as session:
        assert people(session) == 0


def test_a_commit_that_fails_is_rolled_back_and_raised(committed):
    with committed() as session:
        with pytest.raises(StatementError), transaction(session):
            session.add(User(google_sub="x", email="x", username="x", role="emperor"))
        assert people(session) == 0


def test_a_unit_of_work_is_one_transaction_on_the_configured_database(committed):
    with unit_of_work() as session:
        person = making.user(session)
    assert person.username.startswith("person")  # readable after the commit
    with committed() as session:
        assert people(session) == 1


def test_a_forgotten_statement_ends_and_locks_are_not_held_for_ever(database_url):
    with engine().connect() as connection:
        shown = connection.execute(
            text(
                "SELECT current_setting('statement_timeout'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
        ).one()
    assert tuple(shown) == ("15s", "30s")


def test_times_are_told_in_utc_wherever_the_database_believes_to_be(scratch):
    with scratch.begin() as session:
        name = session.scalar(select(func.current_database()))
        session.execute(text(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Seoul'"))
        session.bind.dispose()
    with scratch() as session:
        assert session.scalar(select(func.now())).utcoffset() == timedelta(0)


def test_a_dead_connection_is_replaced_before_it_is_used(database_url):
    who = text("SELECT pg_backend_pid()")
    pooled = create_engine(database_url, **engine_options(pool_size=1))
    killer = create_engine(database_url)
    with pooled.connect() as connection:
        number = connection.execute(who).scalar_one()
    with killer.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:n, 60000)"), {"n": number})
    with pooled.connect() as connection:
        assert connection.execute(who).scalar_one() != number
    killer.dispose()
    pooled.dispose()


def test_a_database_that_is_away_is_an_operational_error(database_url):
    gone = database_url.set(port=1)
    with pytest.raises(OperationalError):
        create_engine(gone).connect()


def test_every_constraint_has_a_name():
    unnamed = [
        (table.name, constraint)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if not constraint.name
    ]
    assert unnamed == []
