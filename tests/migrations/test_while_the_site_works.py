"""Since revision 0021 no migration reads a table that is in use while it keeps writers from it."""

import re

import pytest
from sqlalchemy import Engine, create_engine, inspect

from tests import database
from tests.bench.migrations import WHILE_THE_SITE_WORKS, revisions
from tests.newer_code import NEWER, add_migration, copied_migrations, stating
from tests.statements import caught
from webapp.domain.readiness import own_revisions

INDEX = re.compile(r"\bCREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\b)[^;]*? ON (\w+)")
# The condition is read for all rows at once, unless it is NOT VALID and validated afterwards.
CONDITION = re.compile(
    r"\bALTER TABLE (\w+) ADD CONSTRAINT \w+ (?:CHECK|FOREIGN KEY)\b(?![^;]*\bNOT VALID\b)"
)


def tables(url):
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def faults(url, revision, folder=database.MIGRATIONS):
    """The statements of a migration that read a table of before and block its writers."""
    known = tables(url)
    with caught(Engine) as sent:
        database.migrate(url, revision, folder=folder)
    return [
        f"{revision}: {found[0]}"
        for statement, _ in sent
        for pattern in (INDEX, CONDITION)
        for found in pattern.finditer(statement)
        if found[1] in known
    ]


def test_indexes_of_tables_in_use_are_built_concurrently_and_conditions_validated_later(
    server, environment
):
    later = [name for name, _ in revisions() if name > WHILE_THE_SITE_WORKS]
    with database.database(server) as url:
        database.migrate(url, WHILE_THE_SITE_WORKS)
        found = [fault for revision in later for fault in faults(url, revision)]
    assert found == []


@pytest.mark.parametrize(
    "change",
    [
        'op.create_index("ix_users_newer", "users", ["bio"])',
        'op.create_index("ix_users_newer", "users", ["email"], unique=True)',
        """op.create_check_constraint("newer", "users", "bio <> 'newer'")""",
        'op.create_foreign_key("newer", "likes", "users", ["user_id"], ["id"])',
    ],
)
def test_one_that_blocks_is_noticed(server, template, tmp_path, change):
    folder = copied_migrations(tmp_path / "migrations")
    add_migration(folder, stating(own_revisions()[0]))
    file = folder / "versions" / f"{NEWER}_newer.py"
    added = 'op.add_column("users", sa.Column("newer", sa.Text()))'
    file.write_text(file.read_text(encoding="utf-8").replace(added, change), encoding="utf-8")
    with database.database(server, template=template) as url:
        assert len(faults(url, NEWER, folder)) == 1
