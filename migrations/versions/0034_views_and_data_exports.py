"""Views of styles by day, what a style sold by time, and copies of the data of people."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import release_locks, replace, without_time_limit

revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

INDEX = 'ix_generations_sold'
TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated', 'report_decided', 'style_sales', 'refund', 'payout_decided'"
KINDS = "kind IN ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export', 'deep_search'"


def upgrade() -> None:
    """Apply. A second try begins again; older code makes no copies of data."""
    op.create_table('style_views',
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False, comment="in the market's time zone"),
    sa.Column('views', sa.Integer(), nullable=False),
    sa.CheckConstraint('views > 0', name=op.f('ck_style_views_views')),
    sa.ForeignKeyConstraint(['style_id'], ['styles.id'], name=op.f('fk_style_views_style_id_styles'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('style_id', 'day', name=op.f('pk_style_views')),
    if_not_exists=True)
    op.create_index('ix_style_views_day', 'style_views', ['day'], if_not_exists=True)
    release_locks()
    op.create_table('data_exports',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(length=10), server_default='queued', nullable=False),
    sa.Column('archive_key', sa.String(length=200), nullable=True),
    sa.Column('archive_size', sa.BigInteger(), nullable=True),
    sa.Column('files_left_out', sa.Integer(), server_default='0', nullable=False),
    sa.Column('failure_cause', sa.String(length=40), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('queued', 'ready', 'failed')", name=op.f('ck_data_exports_status')),
    sa.CheckConstraint("status <> 'ready' OR archive_key IS NOT NULL", name=op.f('ck_data_exports_ready_has_archive')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_data_exports_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_data_exports')),
    if_not_exists=True)
    op.create_index('uq_data_exports_one_queued', 'data_exports', ['user_id'], unique=True, postgresql_where="status = 'queued'", if_not_exists=True)
    op.create_index('ix_data_exports_user', 'data_exports', ['user_id', 'created_at', 'id'], if_not_exists=True)
    op.create_index('ix_data_exports_recent', 'data_exports', ['created_at', 'id'], if_not_exists=True)
    replace('notifications', 'type', f"{TYPES}, 'data_export_ready')")
    replace('jobs', 'kind', f"{KINDS}, 'data_export')")
    with without_time_limit():
        op.drop_index(INDEX, table_name='generations', if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, 'generations', ['style_id', 'created_at', 'id'], postgresql_include=['order_id', 'user_id', 'price_tokens'], postgresql_where="status = 'completed' AND price_tokens > 0", postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    op.drop_index(INDEX, table_name='generations')
    op.execute("DELETE FROM notifications WHERE type = 'data_export_ready'")
    op.execute("DELETE FROM jobs WHERE kind = 'data_export'")
    replace('notifications', 'type', f"{TYPES})")
    replace('jobs', 'kind', f"{KINDS})")
    op.drop_table('data_exports')
    op.drop_table('style_views')
