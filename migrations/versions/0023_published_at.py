"""The time when the relay last published a job has the name of its attribute: `published_at`."""

from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Indexes follow the name."""
    op.alter_column('jobs', 'rung_at', new_column_name='published_at', comment='when the relay last published it')


def downgrade() -> None:
    """Undo."""
    op.alter_column('jobs', 'published_at', new_column_name='rung_at', comment=None)
