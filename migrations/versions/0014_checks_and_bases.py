"""near twins that the artist accepts; which weights a style was trained on, and which are in use."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed'"


def upgrade() -> None:
    """Apply."""
    op.add_column('training_runs', sa.Column('accepts_similar', sa.Boolean(), server_default='false', nullable=False))
    op.add_column('artworks', sa.Column('twin_idx', sa.Integer(), nullable=True))
    op.add_column('styles', sa.Column('base_model_sha256', sa.String(length=64), nullable=True, comment='of the weights it was trained on; NULL: trained before this was recorded'))
    op.create_table(
        'base_models',
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_base_models')),
    )
    op.drop_constraint(op.f('ck_notifications_type'), 'notifications', type_='check')
    op.create_check_constraint(op.f('ck_notifications_type'), 'notifications', f"{TYPES}, 'style_outdated')")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type = 'style_outdated'")
    op.drop_constraint(op.f('ck_notifications_type'), 'notifications', type_='check')
    op.create_check_constraint(op.f('ck_notifications_type'), 'notifications', f"{TYPES})")
    op.drop_table('base_models')
    op.drop_column('styles', 'base_model_sha256')
    op.drop_column('artworks', 'twin_idx')
    op.drop_column('training_runs', 'accepts_similar')
