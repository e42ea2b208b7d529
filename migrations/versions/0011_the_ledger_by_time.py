"""the ledger by time: administrators read it without naming a person; reports by their thing."""

from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index('ix_transfers_recent', 'transfers', ['created_at', 'id'])
    op.create_index('ix_transfers_kind', 'transfers', ['kind', 'created_at', 'id'])
    op.create_index('ix_reports_open_of', 'reports', ['target_type', 'target_id', 'created_at', 'id'], postgresql_where="status = 'open'")


def downgrade() -> None:
    """Undo."""
    op.drop_index('ix_reports_open_of', table_name='reports', postgresql_where="status = 'open'")
    op.drop_index('ix_transfers_kind', table_name='transfers')
    op.drop_index('ix_transfers_recent', table_name='transfers')
