"""Checks that the database can be reached and that its schema is that of this code."""

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
    """Return the newest Alembic revision of this code."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def check_connection(session: Session) -> None:
    """Raise OperationalError if the database cannot be reached."""
    session.execute(text("SELECT 1"))


def check_schema(session: Session) -> None:
    """Raise SchemaOutdated unless every migration has run, OperationalError without a database."""
    revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    if revision != newest_revision():
        raise SchemaOutdated(f"the database is at {revision}, the code at {newest_revision()}")
