"""Samples without a style: the same words and seeds, drawn with the base model alone."""

from alembic import op

from migrations.steps import release_locks

revision = '0040'
down_revision = '0039'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TABLES = ('checkpoints', 'styles')


def upgrade() -> None:
    """Apply. A second try begins again; older code leaves the columns empty."""
    for table in TABLES:
        release_locks()
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS base_sample_keys jsonb NOT NULL DEFAULT '[]'")
    op.execute("COMMENT ON COLUMN styles.base_sample_keys IS 'those of the samples without the style, in their order; empty: unknown'")


def downgrade() -> None:
    """Undo. The older garbage collector deletes the objects."""
    for table in TABLES:
        op.execute(f'ALTER TABLE {table} DROP COLUMN IF EXISTS base_sample_keys')
