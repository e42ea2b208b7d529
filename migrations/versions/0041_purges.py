"""Indexes of the hourly purges of sessions and of uploads that nobody confirmed."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import without_time_limit

revision = '0041'
down_revision = '0040'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

INDEXES = {
    'ix_sign_ins_over': ('sign_ins', [sa.text('least(expires_at, ended_at)')], None),
    'ix_training_runs_unconfirmed': ('training_runs', ['uploads_expire_at'], 'confirmed_at IS NULL AND finished_at IS NULL'),
}


def upgrade() -> None:
    """Apply. A second try begins again."""
    with without_time_limit():
        for name, (table, columns, where) in INDEXES.items():
            op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, columns, postgresql_where=where, postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    for name, (table, _, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
