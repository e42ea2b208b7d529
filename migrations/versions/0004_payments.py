"""refunds of purchases are begun before the provider is asked."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

REFUNDING = "status = 'paid' AND refund_key IS NOT NULL"


def upgrade() -> None:
    """Apply."""
    op.add_column('purchases', sa.Column('refund_key', sa.String(length=64), nullable=True, comment='Idempotency-Key of a refund that has begun'))
    op.create_index('ix_purchases_refunding', 'purchases', ['updated_at'], unique=False, postgresql_where=REFUNDING)
    op.create_index('ix_purchases_refunded', 'purchases', ['refunded_at'], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index('ix_purchases_refunded', table_name='purchases')
    op.drop_index('ix_purchases_refunding', table_name='purchases', postgresql_where=REFUNDING)
    op.drop_column('purchases', 'refund_key')
