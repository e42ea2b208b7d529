"""Checks that the database can be reached and that this code can live with its schema."""

from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.domain import schema_compatibility

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class SchemaMismatch(RuntimeError):
    """The schema is not one that this code can live with; the message names both revisions."""


class SchemaOutdated(SchemaMismatch):
    """The database is not at the newest migration of this code."""


class SchemaTooNew(SchemaMismatch):
    """The database was migrated by newer code, to a schema for which this code is too old."""


@lru_cache(maxsize=1)
def own_revisions() -> tuple[str, ...]:
    """Return the Alembic revisions of this code, the newest first."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return tuple(script.revision for script in scripts.walk_revisions())


def check_connection(session: Session) -> None:
    """Raise OperationalError if the database cannot be reached."""
    session.execute(text("SELECT 1"))


def check_schema(session: Session) -> None:
    """Raise SchemaMismatch unless this code can live with the schema.

    It can with the schema of its newest migration, and with a newer one whose migration names this
    code, or older code, as the oldest. Raises OperationalError without a database.
    """
    newest = own_revisions()[0]
    revision, oldest = schema_compatibility.read(session)
    if revision == newest or (is_newer(revision) and oldest in own_revisions()):
        return
    if is_newer(revision):
        raise SchemaTooNew(
            f"the database is at {revision}, which code older than {oldest or revision} cannot"
            f" live with; the code is at {newest}"
        )
    raise SchemaOutdated(f"the database is at {revision}, the code at {newest}: migrate first")


def is_newer(revision: str | None) -> bool:
    """Tell whether a revision of the database is of newer code: this code does not know it."""
    return revision is not None and revision not in own_revisions()
