"""Every migration while people write, on few rows; `make bench-migrations` has a million of them.

How long they wait depends on the machine, so it is judged there. Here all must go through, and what
would be judged badly is.
"""

import pytest

from tests import database
from tests.bench import migrations
from tests.bench.migrations import Load
from tests.newer_code import NEWER, add_migration, copied_migrations, stating
from webapp.domain.readiness import own_revisions

LOAD = Load(rows=5_000, writers=3)
# They end when a writer waits for the table, so that at least one notices.
UNTIL_SOMEBODY_WAITS = """
    LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE;
    DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'jobs'::regclass)
        LOOP PERFORM pg_sleep(0.01); END LOOP;
    END $$"""
BLOCKING = f"{UNTIL_SOMEBODY_WAITS}; SELECT pg_sleep(1.1)"
# One of these columns is in each statement that writes into the table.
REFUSING = f"""{UNTIL_SOMEBODY_WAITS};
    ALTER TABLE jobs RENAME COLUMN kind TO sort;
    ALTER TABLE jobs RENAME COLUMN fence TO gate"""


NEWEST = 3  # migrations that are not released yet, as a rule


def test_the_newest_migrations_are_applied_while_people_write(server, environment):
    newest = own_revisions()[:NEWEST][::-1]
    with database.database(server) as url:
        database.migrate(url, own_revisions()[NEWEST])
        with migrations.writing(url, LOAD) as writers:
            figures = [
                migrations.figure(
                    writers, each, each, lambda each=each: database.migrate(url, each)
                )
                for each in newest
            ]
    assert sum(each.statements for each in figures) > len(figures)
    assert [each.refused for each in figures] == [{}] * NEWEST


@pytest.mark.long
def test_every_migration_is_applied_while_people_write(server, environment):
    with database.database(server) as url:
        figures = list(migrations.measured(url, LOAD, idle_seconds=0))
    assert [each.revision for each in figures[1:]] == [*own_revisions()[-2::-1]]
    assert sum(each.statements for each in figures) > len(figures)
    for each in figures[1:]:
        assert each.needs_the_site_stopped == (each.revision < "0020")
        assert each.needs_the_site_stopped or each.refused == {}, each


@pytest.mark.parametrize(
    "statement, verdict",
    [(BLOCKING, "blocks"), (REFUSING, "refuses the statements of the code before")],
)
def test_a_migration_that_blocks_or_refuses_writers_is_noticed(
    server, template, tmp_path, statement, verdict
):
    folder = copied_migrations(tmp_path / "migrations")
    add_migration(folder, stating(own_revisions()[0]))
    file = folder / "versions" / f"{NEWER}_newer.py"
    column = 'op.add_column("users", sa.Column("newer", sa.Text()))'
    text = file.read_text(encoding="utf-8")
    assert column in text
    file.write_text(text.replace(column, f"op.execute({statement!r})"), encoding="utf-8")
    with (
        database.database(server, template=template) as url,
        migrations.writing(url, LOAD) as writers,
    ):
        found = migrations.figure(
            writers, NEWER, "newer", lambda: database.migrate(url, folder=folder)
        )
    assert found.verdict == verdict, found
    assert found.is_bad
