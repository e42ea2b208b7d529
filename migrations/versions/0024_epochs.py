"""Epochs: each place where the database has run, and the first numbers that may be given there."""

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('epochs',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('place', sa.String(length=80), nullable=False, comment='system identifier, timeline and OID of the database'),
    sa.Column('first_fence', sa.Integer(), server_default='0', nullable=False, comment='fences of new jobs begin here'),
    sa.Column('began_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epochs'))
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table('epochs')
