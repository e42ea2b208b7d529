"""Artworks that their artists show beside the samples of a style."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import refer, replace

revision = '0038'
down_revision = '0037'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated', 'report_decided', 'style_sales', 'refund', 'payout_decided', 'data_export_ready', 'webhook_disabled', 'mail_digest_stopped'"
KINDS = "kind IN ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export', 'deep_search', 'data_export', 'webhook_delivery', 'mail_digest'"
FLAG = 'hidden by an administrator, also if it is chosen again'


def upgrade() -> None:
    """Apply. A second try begins again; older code shows no artworks."""
    op.create_table('shown_artworks',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('artwork_id', sa.BigInteger(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=80), server_default='', nullable=False),
    sa.Column('preview_key', sa.String(length=200), nullable=True),
    sa.Column('preview_width', sa.Integer(), nullable=True),
    sa.Column('preview_height', sa.Integer(), nullable=True),
    sa.Column('failure_cause', sa.String(length=40), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('place BETWEEN 1 AND 12', name=op.f('ck_shown_artworks_place')),
    sa.CheckConstraint('num_nulls(preview_key, preview_width, preview_height) IN (0, 3)', name=op.f('ck_shown_artworks_preview_whole')),
    sa.ForeignKeyConstraint(['artwork_id'], ['artworks.id'], name=op.f('fk_shown_artworks_artwork_id_artworks'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shown_artworks')),
    sa.UniqueConstraint('artwork_id', name=op.f('uq_shown_artworks_artwork_id')),
    sa.UniqueConstraint('style_id', 'place', name=op.f('uq_shown_artworks_style_id_place'), deferrable=True, initially='DEFERRED'),
    if_not_exists=True)
    op.create_index('ix_shown_artworks_recent', 'shown_artworks', ['created_at', 'id'], if_not_exists=True)
    refer('shown_artworks', 'style_id', 'styles', ondelete='CASCADE')
    op.execute('ALTER TABLE artworks ADD COLUMN IF NOT EXISTS is_flagged boolean DEFAULT false NOT NULL')
    op.execute(f"COMMENT ON COLUMN artworks.is_flagged IS '{FLAG}'")
    replace('notifications', 'type', f"{TYPES}, 'artwork_hidden')")
    replace('jobs', 'kind', f"{KINDS}, 'artwork_preview')")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type = 'artwork_hidden'")
    op.execute("DELETE FROM jobs WHERE kind = 'artwork_preview'")
    replace('notifications', 'type', f"{TYPES})")
    replace('jobs', 'kind', f"{KINDS})")
    op.drop_column('artworks', 'is_flagged')
    op.drop_table('shown_artworks')
