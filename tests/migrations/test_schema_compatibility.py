"""Old code at a schema of newer code: it lives with it only if the migration says so."""

import os
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests import database
from tests.newer_code import NEWER, add_migration, copied_migrations, stating
from webapp.domain import readiness, schema_compatibility

NEWEST, BEFORE = readiness.own_revisions()[:2]
# The oldest code that can live with our own schema.
OLDEST = schema_compatibility.stated(ScriptDirectory(str(database.MIGRATIONS)).get_revision(NEWEST))


@pytest.fixture
def fresh(server, template):
    with database.database(server, template=template) as url:
        yield url


@pytest.fixture
def newer(fresh, tmp_path):
    """Migrate with newer code, whose migration has a given statement; return its migrations."""

    def migrated(statement):
        folder = copied_migrations(tmp_path / "migrations")
        add_migration(folder, statement)
        database.migrate(fresh, folder=folder)
        return folder

    return migrated


def inside(url, function):
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            return function(session)
    finally:
        engine.dispose()


def flask(url, *arguments):
    """Run a command of this code, the older one, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "webapp.app", *arguments],
        cwd=database.ROOT,
        env=os.environ | {"DATABASE_URL": url.render_as_string(hide_password=False)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_schema_says_with_which_code_it_can_be_used(fresh):
    assert inside(fresh, schema_compatibility.read) == (NEWEST, OLDEST)


@pytest.mark.parametrize("oldest", [NEWEST, BEFORE])
def test_old_code_is_ready_at_a_newer_schema_that_names_it_or_older_code(fresh, newer, oldest):
    newer(stating(oldest))
    assert inside(fresh, schema_compatibility.read) == (NEWER, oldest)
    inside(fresh, readiness.check_schema)


@pytest.mark.parametrize("statement", ["", stating(NEWER), stating("8999")])
def test_old_code_is_not_ready_at_a_schema_that_does_not_name_it(fresh, newer, statement):
    newer(statement)
    with pytest.raises(readiness.SchemaTooNew) as refused:
        inside(fresh, readiness.check_schema)
    assert f"at {NEWER}" in str(refused.value)
    assert f"at {NEWEST}" in str(refused.value)


def test_a_migration_that_is_undone_takes_its_statement_with_it(fresh, newer):
    folder = newer(stating(NEWEST))
    database.migrate(fresh, "-1", folder=folder)
    assert inside(fresh, schema_compatibility.read) == (NEWEST, OLDEST)
    inside(fresh, readiness.check_schema)
    database.migrate(fresh, "base", folder=folder)
    assert inside(fresh, schema_compatibility.read) == (None, None)


def test_new_code_is_not_ready_before_its_migration(server, environment):
    with database.database(server) as url:
        database.migrate(url, BEFORE)
        with pytest.raises(readiness.SchemaOutdated, match=f"at {BEFORE}, the code at {NEWEST}"):
            inside(url, readiness.check_schema)


def test_a_statement_about_another_revision_says_nothing(fresh, newer):
    newer(stating(NEWEST))

    def moved_by_hand(session):
        session.execute(text("UPDATE alembic_version SET version_num = 'elsewhere'"))
        readiness.check_schema(session)

    with pytest.raises(readiness.SchemaTooNew, match="elsewhere"):
        inside(fresh, moved_by_hand)


def test_a_database_of_code_that_wrote_no_statement_is_migrated_first(fresh):
    def without_statement(session):
        session.execute(text("DROP TABLE schema_compatibility"))
        session.commit()
        session.execute(text(f"UPDATE alembic_version SET version_num = '{BEFORE}'"))
        readiness.check_schema(session)

    with pytest.raises(readiness.SchemaOutdated):
        inside(fresh, without_statement)
    database.migrate(fresh)
    assert inside(fresh, schema_compatibility.read) == (NEWEST, None)
    inside(fresh, readiness.check_schema)


def test_old_code_prepares_at_a_newer_schema_and_migrates_nothing(fresh, newer):
    newer(stating(NEWEST))
    done = flask(fresh, "prepare")
    assert done.returncode == 0, done.stderr
    assert f"database at {NEWER}, code at {NEWEST}" in done.stderr
    assert inside(fresh, schema_compatibility.read) == (NEWER, NEWEST)


def test_old_code_does_not_prepare_at_a_schema_it_cannot_live_with(fresh, newer):
    newer(stating(NEWER))
    done = flask(fresh, "prepare")
    assert done.returncode != 0
    assert f"the database is at {NEWER}" in done.stderr
    assert f"the code is at {NEWEST}" in done.stderr
    assert "Traceback" not in done.stderr
