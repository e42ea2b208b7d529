"""Since 0020 a migration locks one table in use at a time, and can be tried again at any point.

While it holds the lock of one table and waits for that of another, it can meet a statement that
holds the other and waits for the first: PostgreSQL ends one of the two, and it may be the
customer's. Lock timeouts end migrations at any statement, so each must be able to begin again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from tests import database
from tests.bench.migrations import WHILE_THE_SITE_WORKS, revisions
from tests.newer_code import NEWER, add_migration, copied_migrations, stating
from webapp.domain.readiness import own_revisions

TABLES = """
    SELECT oid, relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
# Modes that conflict with writers.
LOCKED = """
    SELECT relation FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND mode IN
        ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"""
# No statement of a customer locks what the migrations write about themselves.
OWN = {"alembic_version", "schema_compatibility"}
SCHEMA = """
    SELECT 'column', attrelid::regclass::text, attname,
           concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity,
                     pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0
          AND NOT attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text,
           concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1, 2, 3"""

TWO_COLUMNS = """
    op.execute("ALTER TABLE checkpoints ADD COLUMN IF NOT EXISTS newer text")
    op.execute("ALTER TABLE styles ADD COLUMN IF NOT EXISTS newer text")"""
TWO_FOREIGN_KEYS = """
    op.create_table("newer", sa.Column("user_id", sa.BigInteger(), sa.ForeignKey("users.id")),
                    sa.Column("style_id", sa.BigInteger(), sa.ForeignKey("styles.id")))"""
CANNOT_BEGIN_AGAIN = """
    from migrations.steps import release_locks
    op.execute("ALTER TABLE styles ADD COLUMN newer text")
    release_locks()
    op.execute("ALTER TABLE checkpoints ADD COLUMN newer text")"""
NOTING_TIMEOUTS = """
    from migrations.steps import without_time_limit
    op.execute("CREATE TABLE timeouts (id serial, lock text, statement text, deadlock text)")
    note = (
        "INSERT INTO timeouts (lock, statement, deadlock) SELECT current_setting('lock_timeout'),"
        " current_setting('statement_timeout'), current_setting('deadlock_timeout')")
    op.execute(note)
    with without_time_limit():
        op.execute(note)
    op.execute(note)"""


class Interrupted(Exception):
    """The migration was to end here."""


@dataclass
class Watch:
    """What a migration has locked at each of its commits; it is interrupted at one of them.

    A statement outside transactions counts as a commit, too. Its locks are gone when it ends, so
    nobody sees them; such statements build indexes, validate constraints and fill columns.
    """

    tables: dict[int, str]
    interrupted_at: int
    commits: int = 0
    faults: list[list[str]] = field(default_factory=list)

    def commit(self, connection: Connection) -> None:
        """Note what is locked, before it is committed."""
        if connection.connection.dbapi_connection.autocommit:
            return
        with connection.connection.cursor() as cursor:
            cursor.execute(LOCKED)
            locked = {self.tables[oid] for (oid,) in cursor if oid in self.tables}
        if len(locked) > 1:
            self.faults.append(sorted(locked))
        self._count()

    def execute(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        """Count a statement that is committed by itself."""
        is_committed = connection.connection.dbapi_connection.autocommit
        if is_committed and not statement.startswith(("SET ", "RESET ")):
            self._count()

    def _count(self) -> None:
        self.commits += 1
        if self.commits == self.interrupted_at:
            raise Interrupted


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Watch whatever any engine does."""
    event.listen(Engine, "commit", watch.commit)
    event.listen(Engine, "before_cursor_execute", watch.execute)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", watch.execute)
        event.remove(Engine, "commit", watch.commit)


def rows(url, query):
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(query)).all()
    engine.dispose()
    return found


def faults(url, revision, folder=database.MIGRATIONS):
    """Apply a migration, interrupted at each of its commits; return what was locked together."""
    tables = {row.oid: row.relname for row in rows(url, TABLES) if row.relname not in OWN}
    found: list[list[str]] = []
    place = 1
    while True:
        watch = Watch(tables, interrupted_at=place)
        try:
            with watched(watch):
                database.migrate(url, revision, folder=folder)
        except Interrupted:
            place += 1
            continue
        finally:
            found += [each for each in watch.faults if each not in found]
        return [f"{revision}: {' and '.join(each)}" for each in found]


NAMES = [name for name, _ in revisions()]
NEWEST = 3  # migrations that are not released yet, as a rule


@pytest.mark.parametrize(
    "first",
    [NAMES[-NEWEST], pytest.param(WHILE_THE_SITE_WORKS, marks=pytest.mark.long)],
    ids=["newest", "all"],
)
def test_one_table_in_use_is_locked_at_a_time_and_every_migration_can_begin_again(
    server, template, first
):
    place = NAMES.index(first)
    with database.database(server) as url:
        database.migrate(url, NAMES[place - 1])
        found = [fault for revision in NAMES[place:] for fault in faults(url, revision)]
        schema = rows(url, SCHEMA)
    assert found == []
    assert schema == rows(template, SCHEMA)


@pytest.fixture
def newer(server, template, tmp_path):
    """Return the folder of migrations with one more, which does what is named, and a database."""
    with database.database(server, template=template) as url:

        def added(change):
            folder = copied_migrations(tmp_path / "migrations")
            add_migration(folder, stating(own_revisions()[0]))
            file = folder / "versions" / f"{NEWER}_newer.py"
            given = 'op.add_column("users", sa.Column("newer", sa.Text()))'
            text = file.read_text(encoding="utf-8").replace(given, change)
            file.write_text(text, encoding="utf-8")
            return url, folder

        yield added


@pytest.mark.parametrize(
    "change, together",
    [
        (TWO_COLUMNS, "checkpoints and styles"),
        (TWO_FOREIGN_KEYS, "styles and users"),
        ('op.execute("DROP TABLE shown_artworks")', "artworks and shown_artworks and styles"),
    ],
)
def test_two_locks_at_once_are_noticed(newer, change, together):
    url, folder = newer(change)
    assert faults(url, NEWER, folder) == [f"{NEWER}: {together}"]


def test_a_migration_that_cannot_begin_again_is_noticed(newer):
    url, folder = newer(CANNOT_BEGIN_AGAIN)
    with pytest.raises(DBAPIError, match="already exists"):
        faults(url, NEWER, folder)


def test_the_timeouts_of_a_migration_return_after_a_statement_without_limit(newer):
    url, folder = newer(NOTING_TIMEOUTS)
    database.migrate(url, folder=folder)
    query = "SELECT lock, statement, deadlock FROM timeouts ORDER BY id"
    before, within, after = map(tuple, rows(url, query))
    assert before == after == ("500ms", "1min", "250ms")
    assert within == ("1min", "0", "250ms")
