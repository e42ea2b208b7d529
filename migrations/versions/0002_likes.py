"""likes."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

OLD_TYPES = "'generation_complete', 'generation_failed', 'style_training_complete', 'style_training_failed'"


def upgrade() -> None:
    """Apply."""
    op.create_table('likes',
    sa.Column('generation_id', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['generation_id'], ['generations.id'], name=op.f('fk_likes_generation_id_generations')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_likes_user_id_users')),
    sa.PrimaryKeyConstraint('generation_id', 'user_id', name=op.f('pk_likes'))
    )
    op.create_index(op.f('ix_likes_user_id'), 'likes', ['user_id'], unique=False)
    _allow_types(f"'like', {OLD_TYPES}")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type = 'like'")
    _allow_types(OLD_TYPES)
    op.drop_index(op.f('ix_likes_user_id'), table_name='likes')
    op.drop_table('likes')


def _allow_types(types: str) -> None:
    op.drop_constraint(op.f('ck_notifications_type'), 'notifications', type_='check')
    op.create_check_constraint(op.f('ck_notifications_type'), 'notifications', f'type IN ({types})')
