"""heartbeats, and jobs by their end."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('heartbeats',
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('numbers', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_heartbeats'))
    )
    op.create_index(op.f('ix_jobs_finished_at'), 'jobs', ['finished_at'], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f('ix_jobs_finished_at'), table_name='jobs')
    op.drop_table('heartbeats')
