"""Which code can live with the schema of the database: stated by migrations, kept beside the rows.

A migration states in `oldest_code` the oldest revision of the code that can live with its schema.
Older code does not have the file of a newer migration, so `migrations/env.py` writes the statement
into the database, in the transaction that applies or undoes the migration. The table belongs to the
migrations, as `alembic_version` does, and has no model.
"""

from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

_CREATE = text("""
    CREATE TABLE IF NOT EXISTS schema_compatibility (
        revision varchar(32) PRIMARY KEY,
        oldest_code varchar(32) NOT NULL
    )""")
_CLEAR = text("DELETE FROM schema_compatibility")
_STATE = text("INSERT INTO schema_compatibility VALUES (:revision, :oldest_code)")
_EXISTS = text("SELECT to_regclass('schema_compatibility') IS NOT NULL")
# A statement about another revision than the one the database is at says nothing.
_READ = text("""
    SELECT version_num, oldest_code
    FROM alembic_version LEFT JOIN schema_compatibility ON revision = version_num""")


def stated(script: Script) -> str:
    """Return the oldest code that a migration names; without a statement, its own revision."""
    oldest: str = getattr(script.module, "oldest_code", script.revision)
    return oldest


def create(connection: Connection) -> None:
    """Create the table, before any migration: then one snapshot always holds both tables."""
    connection.execute(_CREATE)


def write(connection: Connection, scripts: ScriptDirectory, revision: str | None) -> None:
    """Replace the statement by that of a migration; with None there is no schema any more."""
    connection.execute(_CLEAR)
    script = scripts.get_revision(revision) if revision is not None else None
    if script is not None:
        values = {"revision": script.revision, "oldest_code": stated(script)}
        connection.execute(_STATE, values)


def read(session: Session) -> tuple[str | None, str | None]:
    """Return the revision of the database and the oldest code that can live with it, if known."""
    if not session.scalar(_EXISTS):
        return session.scalar(text("SELECT version_num FROM alembic_version")), None
    row = session.execute(_READ).first()
    return (row.version_num, row.oldest_code) if row else (None, None)
