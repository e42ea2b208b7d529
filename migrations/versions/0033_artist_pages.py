"""Pages of artists, and reports of collections."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.steps import refer, replace, without_time_limit

revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TARGETS = "target_type IN ('style', 'generation', 'comment', 'user', 'tag'"
RECENT, HIDDEN = 'ix_collections_recent', 'ix_collections_hidden'


def upgrade() -> None:
    """Apply. A second try begins again; older code shows a hidden collection until it is replaced."""
    op.create_table('artist_pages',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('banner_key', sa.String(length=200), nullable=True),
    sa.Column('about', sa.String(length=2000), server_default='', nullable=False),
    sa.Column('links', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{url, label}]'),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('jsonb_array_length(links) <= 5', name=op.f('ck_artist_pages_links')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_artist_pages_user_id_users')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_artist_pages')),
    if_not_exists=True)
    op.create_table('pinned_pictures',
    sa.Column('artist_id', sa.BigInteger(), nullable=False),
    sa.Column('generation_id', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['artist_id'], ['users.id'], name=op.f('fk_pinned_pictures_artist_id_users')),
    sa.PrimaryKeyConstraint('artist_id', 'generation_id', name=op.f('pk_pinned_pictures')),
    if_not_exists=True)
    op.create_index('ix_pinned_pictures_picture', 'pinned_pictures', ['generation_id'], if_not_exists=True)
    refer('pinned_pictures', 'generation_id', 'generations')
    op.execute('ALTER TABLE collections ADD COLUMN IF NOT EXISTS is_flagged boolean DEFAULT false NOT NULL')
    op.execute("COMMENT ON COLUMN collections.is_flagged IS 'hidden by an administrator from all but its owner'")
    replace('reports', 'target_type', f"{TARGETS}, 'collection')")
    with without_time_limit():
        for name, where in ((RECENT, None), (HIDDEN, 'is_flagged')):
            op.drop_index(name, table_name='collections', if_exists=True, postgresql_concurrently=True)
            op.create_index(name, 'collections', ['created_at', 'id'], postgresql_where=where, postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM reports WHERE target_type = 'collection'")
    replace('reports', 'target_type', f"{TARGETS})")
    for name in (HIDDEN, RECENT):
        op.drop_index(name, table_name='collections')
    op.drop_column('collections', 'is_flagged')
    op.drop_table('pinned_pictures')
    op.drop_table('artist_pages')
