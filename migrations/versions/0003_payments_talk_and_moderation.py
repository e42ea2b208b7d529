"""payments, talk and moderation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

OLD_CHECKS = {
    ('notifications', 'type'): "type IN ('like', 'generation_complete', 'generation_failed', 'style_training_complete', 'style_training_failed')",
    ('transfers', 'kind'): "kind IN ('bonus', 'grant', 'hold', 'payout', 'refund')",
    ('transfers', 'generation_named'): "(kind IN ('hold', 'payout', 'refund')) = (generation_id IS NOT NULL)",
    ('generations', 'completed_has_image'): "status <> 'completed' OR (image_key IS NOT NULL AND image_sha256 IS NOT NULL)",
}
NEW_CHECKS = {
    ('notifications', 'type'): "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed')",
    ('transfers', 'kind'): "kind IN ('bonus', 'grant', 'hold', 'payout', 'refund', 'reversal', 'purchase', 'purchase_refund')",
    ('transfers', 'generation_named'): "(kind IN ('hold', 'payout', 'refund', 'reversal')) = (generation_id IS NOT NULL)",
    ('generations', 'completed_has_image'): "status <> 'completed' OR (image_sha256 IS NOT NULL AND (image_key IS NOT NULL OR deleted_at IS NOT NULL))",
}


def upgrade() -> None:
    """Apply."""
    op.create_table('audit_entries',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('admin_id', sa.BigInteger(), nullable=False),
    sa.Column('object_type', sa.String(length=20), nullable=False),
    sa.Column('object_id', sa.String(length=40), nullable=False),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['admin_id'], ['users.id'], name=op.f('fk_audit_entries_admin_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries'))
    )
    op.create_index('ix_audit_entries_admin', 'audit_entries', ['admin_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_audit_entries_object', 'audit_entries', ['object_type', 'object_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_audit_entries_recent', 'audit_entries', ['created_at', 'id'], unique=False)
    op.create_table('follows',
    sa.Column('follower_id', sa.BigInteger(), nullable=False),
    sa.Column('followed_id', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('follower_id <> followed_id', name=op.f('ck_follows_not_oneself')),
    sa.ForeignKeyConstraint(['followed_id'], ['users.id'], name=op.f('fk_follows_followed_id_users')),
    sa.ForeignKeyConstraint(['follower_id'], ['users.id'], name=op.f('fk_follows_follower_id_users')),
    sa.PrimaryKeyConstraint('follower_id', 'followed_id', name=op.f('pk_follows'))
    )
    op.create_index(op.f('ix_follows_followed_id'), 'follows', ['followed_id'], unique=False)
    op.create_index('ix_follows_recent', 'follows', ['follower_id', 'created_at', 'followed_id'], unique=False)
    op.create_table('purchases',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('order_id', sa.String(length=40), nullable=False, comment='what the provider knows it by'),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('package_id', sa.String(length=30), nullable=False),
    sa.Column('amount_tokens', sa.Integer(), nullable=False),
    sa.Column('price_per_token', sa.Integer(), nullable=False),
    sa.Column('total_price', sa.Integer(), nullable=False),
    sa.Column('currency_code', sa.String(length=3), server_default='KRW', nullable=False),
    sa.Column('status', sa.String(length=12), server_default='pending', nullable=False),
    sa.Column('payment_key', sa.String(length=200), nullable=True),
    sa.Column('confirm_key', sa.String(length=64), nullable=True, comment='Idempotency-Key of the confirmation; a new one after PROVIDER_ERROR'),
    sa.Column('receipt_url', sa.Text(), nullable=True),
    sa.Column('failure', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refunded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("status IN ('pending', 'authorized', 'paid', 'failed', 'expired', 'refunded')", name=op.f('ck_purchases_status')),
    sa.CheckConstraint("status NOT IN ('paid', 'refunded') OR (payment_key IS NOT NULL AND approved_at IS NOT NULL)", name=op.f('ck_purchases_paid_has_payment')),
    sa.CheckConstraint('amount_tokens > 0 AND total_price > 0', name=op.f('ck_purchases_amounts_positive')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_purchases_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchases')),
    sa.UniqueConstraint('order_id', name=op.f('uq_purchases_order_id')),
    sa.UniqueConstraint('payment_key', name=op.f('uq_purchases_payment_key'))
    )
    op.create_index('ix_purchases_approved', 'purchases', ['approved_at'], unique=False)
    op.create_index('ix_purchases_mine', 'purchases', ['user_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_purchases_open', 'purchases', ['expires_at'], unique=False, postgresql_where="status IN ('pending', 'authorized')")
    op.create_table('reports',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('reporter_id', sa.BigInteger(), nullable=False),
    sa.Column('target_type', sa.String(length=12), nullable=False),
    sa.Column('target_id', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=15), nullable=False),
    sa.Column('text', sa.String(length=1000), server_default='', nullable=False),
    sa.Column('status', sa.String(length=10), server_default='open', nullable=False),
    sa.Column('resolution', sa.String(length=500), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("(status = 'open') = (resolved_at IS NULL)", name=op.f('ck_reports_resolved_has_time')),
    sa.CheckConstraint("reason IN ('copyright', 'sexual', 'hate', 'spam', 'impersonation', 'other')", name=op.f('ck_reports_reason')),
    sa.CheckConstraint("status IN ('open', 'resolved', 'dismissed')", name=op.f('ck_reports_status')),
    sa.CheckConstraint("target_type IN ('style', 'generation', 'comment', 'user', 'tag')", name=op.f('ck_reports_target_type')),
    sa.ForeignKeyConstraint(['reporter_id'], ['users.id'], name=op.f('fk_reports_reporter_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports'))
    )
    op.create_index('ix_reports_queue', 'reports', ['status', 'created_at', 'id'], unique=False)
    op.create_index('uq_reports_one_open', 'reports', ['reporter_id', 'target_type', 'target_id'], unique=True, postgresql_where="status = 'open'")
    op.create_table('comments',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('generation_id', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('parent_id', sa.BigInteger(), nullable=True),
    sa.Column('content', sa.String(length=500), nullable=False),
    sa.Column('is_hidden', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('reply_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['generation_id'], ['generations.id'], name=op.f('fk_comments_generation_id_generations')),
    sa.ForeignKeyConstraint(['parent_id'], ['comments.id'], name=op.f('fk_comments_parent_id_comments'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_comments_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_comments'))
    )
    op.create_index('ix_comments_of_image', 'comments', ['generation_id', 'parent_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_comments_replies', 'comments', ['parent_id', 'created_at', 'id'], unique=False)
    op.create_index(op.f('ix_comments_user_id'), 'comments', ['user_id'], unique=False)
    op.drop_column('artists', 'follower_count')
    op.add_column('generations', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True, comment='its owner left; the ledger stays'))
    op.create_index('ix_notifications_read', 'notifications', ['created_at'], unique=False, postgresql_where='is_read')
    op.create_index('ix_notifications_unread', 'notifications', ['recipient_id'], unique=False, postgresql_where='NOT is_read')
    op.add_column('transfers', sa.Column('purchase_id', sa.BigInteger(), nullable=True))
    op.create_index('uq_transfers_once_per_purchase', 'transfers', ['purchase_id', 'kind'], unique=True, postgresql_where='purchase_id IS NOT NULL')
    op.create_index('uq_transfers_one_reversal', 'transfers', ['generation_id'], unique=True, postgresql_where="kind = 'reversal'")
    op.create_foreign_key(op.f('fk_transfers_purchase_id_purchases'), 'transfers', 'purchases', ['purchase_id'], ['id'])
    op.add_column('users', sa.Column('follower_count', sa.Integer(), server_default='0', nullable=False))
    op.add_column('users', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True, comment='anonymised; the ledger stays'))
    _check(NEW_CHECKS)
    op.create_check_constraint(op.f('ck_transfers_purchase_named'), 'transfers', "(kind IN ('purchase', 'purchase_refund')) = (purchase_id IS NOT NULL)")
    op.create_check_constraint(op.f('ck_generations_deleted_is_private'), 'generations', 'deleted_at IS NULL OR NOT is_public')
    op.execute("CREATE TRIGGER audit_entries_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type IN ('follow', 'comment', 'payment_complete', 'set_job_complete', 'set_job_failed')")
    op.drop_constraint(op.f('ck_generations_deleted_is_private'), 'generations', type_='check')
    op.drop_constraint(op.f('ck_transfers_purchase_named'), 'transfers', type_='check')
    _check(OLD_CHECKS)
    op.drop_column('users', 'deleted_at')
    op.drop_column('users', 'follower_count')
    op.drop_constraint(op.f('fk_transfers_purchase_id_purchases'), 'transfers', type_='foreignkey')
    op.drop_index('uq_transfers_one_reversal', table_name='transfers', postgresql_where="kind = 'reversal'")
    op.drop_index('uq_transfers_once_per_purchase', table_name='transfers', postgresql_where='purchase_id IS NOT NULL')
    op.drop_column('transfers', 'purchase_id')
    op.drop_index('ix_notifications_unread', table_name='notifications', postgresql_where='NOT is_read')
    op.drop_index('ix_notifications_read', table_name='notifications', postgresql_where='is_read')
    op.drop_column('generations', 'deleted_at')
    op.add_column('artists', sa.Column('follower_count', sa.INTEGER(), server_default=sa.text('0'), autoincrement=False, nullable=False))
    op.drop_index(op.f('ix_comments_user_id'), table_name='comments')
    op.drop_index('ix_comments_replies', table_name='comments')
    op.drop_index('ix_comments_of_image', table_name='comments')
    op.drop_table('comments')
    op.drop_index('uq_reports_one_open', table_name='reports', postgresql_where="status = 'open'")
    op.drop_index('ix_reports_queue', table_name='reports')
    op.drop_table('reports')
    op.drop_index('ix_purchases_open', table_name='purchases', postgresql_where="status IN ('pending', 'authorized')")
    op.drop_index('ix_purchases_mine', table_name='purchases')
    op.drop_index('ix_purchases_approved', table_name='purchases')
    op.drop_table('purchases')
    op.drop_index('ix_follows_recent', table_name='follows')
    op.drop_index(op.f('ix_follows_followed_id'), table_name='follows')
    op.drop_table('follows')
    op.drop_index('ix_audit_entries_recent', table_name='audit_entries')
    op.drop_index('ix_audit_entries_object', table_name='audit_entries')
    op.drop_index('ix_audit_entries_admin', table_name='audit_entries')
    op.drop_table('audit_entries')


def _check(conditions: dict[tuple[str, str], str]) -> None:
    for (table, name), condition in conditions.items():
        op.drop_constraint(op.f(f'ck_{table}_{name}'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_{name}'), table, condition)
