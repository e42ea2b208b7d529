"""What migrations share. Released migrations call it: it must go on doing the same.

Each function commits what the migration did before, so a second try must be able to begin again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

LONG_LOCK_TIMEOUT = "60s"


def replace(table: str, name: str, condition: str) -> None:
    """Replace the check `ck_<table>_<name>`, or add it; the rows are read while the site works."""
    release_locks()
    constraint = f"ck_{table}_{name}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({condition}) NOT VALID")
    with without_time_limit():
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")


def refer(table: str, column: str, referred: str, *, ondelete: str | None = None) -> None:
    """Add a foreign key to a table that is new and empty.

    It locks the referred table, too. A new table with foreign keys to several tables in use is
    created with one of them; the others are added by this function.
    """
    release_locks()
    name = f"fk_{table}_{column}_{referred}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.create_foreign_key(op.f(name), table, referred, [column], ["id"], ondelete=ondelete)
    release_locks()


def fill(block: str) -> None:
    """Run a block that changes rows and commits after each piece, as long as it takes."""
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute(block)
        op.execute("RESET statement_timeout")


def release_locks() -> None:
    """Commit: no table stays locked while the migration waits for the lock of the next one."""
    with op.get_context().autocommit_block():
        pass


@contextmanager
def without_time_limit() -> Iterator[None]:
    """Commit each statement by itself, without a time limit and with a long lock timeout.

    Only for statements that nobody who writes has to wait for: they validate a constraint, or
    build or drop an index concurrently.
    """
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute(f"SET lock_timeout = '{LONG_LOCK_TIMEOUT}'")
        yield
        op.execute("RESET statement_timeout")
        op.execute("RESET lock_timeout")
