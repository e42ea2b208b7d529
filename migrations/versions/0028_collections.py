"""Collections of pictures."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import release_locks

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'


def upgrade() -> None:
    """Apply. A second try begins again."""
    op.create_table('collections',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('description', sa.String(length=500), server_default='', nullable=False),
    sa.Column('is_public', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('length(name) BETWEEN 1 AND 80', name=op.f('ck_collections_name')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_collections_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_collections')),
    if_not_exists=True)
    op.create_index('ix_collections_user', 'collections', ['user_id', 'created_at', 'id'], if_not_exists=True)
    release_locks()
    op.create_table('collection_pictures',
    sa.Column('collection_id', sa.BigInteger(), nullable=False),
    sa.Column('generation_id', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['collection_id'], ['collections.id'], name=op.f('fk_collection_pictures_collection_id_collections')),
    sa.ForeignKeyConstraint(['generation_id'], ['generations.id'], name=op.f('fk_collection_pictures_generation_id_generations')),
    sa.PrimaryKeyConstraint('collection_id', 'generation_id', name=op.f('pk_collection_pictures'))
    )
    op.create_index('ix_collection_pictures_newest', 'collection_pictures', ['collection_id', 'created_at', 'generation_id'])
    op.create_index('ix_collection_pictures_picture', 'collection_pictures', ['generation_id', 'collection_id'])


def downgrade() -> None:
    """Undo."""
    op.drop_table('collection_pictures')
    op.drop_table('collections')
