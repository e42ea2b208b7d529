"""A migration that is not written yet: what newer code brings, for tests of a deploy."""

import shutil
from pathlib import Path

from alembic.script import ScriptDirectory

from webapp.domain.readiness import own_revisions
from webapp.domain.schema_compatibility import stated

NEWER = "9001"
MIGRATION = '''
"""A column more, which older code does not read."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{statement}


def upgrade() -> None:
    op.add_column("users", sa.Column("newer", sa.Text()))


def downgrade() -> None:
    op.drop_column("users", "newer")
'''


def stating(oldest: str) -> str:
    """The line in which a migration states the oldest code that can live with its schema."""
    return f'oldest_code = "{oldest}"'


def oldest_allowed() -> str:
    """The oldest code that can live with the schema of this code's newest migration."""
    scripts = ScriptDirectory(str(Path(__file__).parents[1] / "migrations"))
    return stated(scripts.get_revision(own_revisions()[0]))


def add_migration(
    folder: Path, statement: str, *, revision: str = NEWER, before: str | None = None
) -> None:
    """Add a migration to the folder of migrations of some code."""
    text = MIGRATION.format(
        revision=revision, before=before or own_revisions()[0], statement=statement
    )
    (folder / "versions" / f"{revision}_newer.py").write_text(text.lstrip(), encoding="utf-8")


def copied_migrations(folder: Path) -> Path:
    """Copy the migrations of this code into a new folder, to which others can be added."""
    ours = Path(__file__).parents[1] / "migrations"
    shutil.copytree(ours, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
