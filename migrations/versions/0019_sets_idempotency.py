"""Idempotency keys of accounts of Sets, which may be nobody's."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('sets_idempotency_keys',
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('route', sa.String(length=60), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('body_sha256', sa.String(length=64), nullable=False),
    sa.Column('response', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['sets_accounts.id'], name=op.f('fk_sets_idempotency_keys_account_id_sets_accounts')),
    sa.PrimaryKeyConstraint('account_id', 'route', 'key', name=op.f('pk_sets_idempotency_keys'))
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table('sets_idempotency_keys')
