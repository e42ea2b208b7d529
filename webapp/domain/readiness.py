"""Tells whether the database is there and its schema fits this code."""

from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class SchemaOutdated(RuntimeError):
    """The database is not at the newest migration."""


@lru_cache(maxsize=1)
def newest_revision() -> str | None:
    """Return the revision this code was written for."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def check_connection(session: Session) -> None:
    """Raise OperationalError when the database does not answer."""
    session.execute(text("SELECT 1"))


def check_schema(session: Session) -> None:
    """Raise SchemaOutdated unless the database answers and every migration has run."""
    found = session.scalar(text("SELECT version_num FROM alembic_version"))
    if found != newest_revision():
        raise SchemaOutdated(f"the database is at {found}, the code at {newest_revision()}")
