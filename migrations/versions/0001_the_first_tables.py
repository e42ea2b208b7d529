"""the first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


# The ledger is history: corrections are new rows, whatever role a client has.
APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER transfers_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Apply."""
    op.create_table('jobs',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('ref', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=10), server_default='queued', nullable=False),
    sa.Column('step', sa.String(length=40), nullable=False),
    sa.Column('batch_key', sa.String(length=200), server_default='', nullable=False, comment='jobs that may share a batch: base model and size'),
    sa.Column('fence', sa.Integer(), server_default='0', nullable=False),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False, comment='retryable failures so far'),
    sa.Column('crashes', sa.Integer(), server_default='0', nullable=False, comment='lost workers so far'),
    sa.Column('run_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('rung_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deadline_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cancel_requested', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('handover', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False, comment='what one step leaves for the next'),
    sa.Column('failure_cause', sa.String(length=40), nullable=True),
    sa.Column('failure_message', sa.Text(), nullable=True),
    sa.Column('request_id', sa.String(length=64), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('training', 'generation')", name=op.f('ck_jobs_kind')),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'canceled')", name=op.f('ck_jobs_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs')),
    sa.UniqueConstraint('kind', 'ref', name=op.f('uq_jobs_kind_ref'))
    )
    op.create_index('ix_jobs_claims', 'jobs', ['kind', 'step', 'batch_key', 'id'], unique=False, postgresql_where="state = 'queued'")
    op.create_index('ix_jobs_due', 'jobs', ['run_at'], unique=False, postgresql_where="state = 'queued'")
    op.create_index('ix_jobs_leases', 'jobs', ['lease_until'], unique=False, postgresql_where="state = 'running'")
    op.create_table('tags',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('usage_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('is_active', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('is_flagged', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tags'))
    )
    op.create_index('uq_tags_name', 'tags', ['name'], unique=True)
    op.create_table('users',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('google_sub', sa.String(length=255), nullable=False),
    sa.Column('email', sa.String(length=255), nullable=False),
    sa.Column('username', sa.String(length=50), nullable=False),
    sa.Column('bio', sa.String(length=150), server_default='', nullable=False),
    sa.Column('profile_image_key', sa.String(length=200), nullable=True),
    sa.Column('role', sa.String(length=10), server_default='user', nullable=False),
    sa.Column('language', sa.String(length=2), nullable=True),
    sa.Column('is_active', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("language IN ('en', 'ko')", name=op.f('ck_users_language')),
    sa.CheckConstraint("role IN ('user', 'artist', 'admin')", name=op.f('ck_users_role')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('google_sub', name=op.f('uq_users_google_sub')),
    sa.UniqueConstraint('username', name=op.f('uq_users_username'))
    )
    op.create_table('accounts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('owner_id', sa.BigInteger(), nullable=True),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('balance', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("kind IN ('spendable', 'earned', 'escrow', 'platform')", name=op.f('ck_accounts_kind')),
    sa.CheckConstraint('(owner_id IS NULL) = (balance IS NULL)', name=op.f('ck_accounts_system_has_no_balance')),
    sa.CheckConstraint('balance >= 0', name=op.f('ck_accounts_balance_not_negative')),
    sa.ForeignKeyConstraint(['owner_id'], ['users.id'], name=op.f('fk_accounts_owner_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts')),
    sa.UniqueConstraint('owner_id', 'kind', name=op.f('uq_accounts_owner_id_kind'), postgresql_nulls_not_distinct=True)
    )
    op.create_table('artists',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('artist_name', sa.String(length=100), nullable=False),
    sa.Column('verified_email', sa.String(length=255), nullable=False),
    sa.Column('signature_key', sa.String(length=200), nullable=False),
    sa.Column('signature_sha256', sa.String(length=64), nullable=False),
    sa.Column('signature_position', sa.String(length=20), server_default='bottom-right', nullable=False),
    sa.Column('signature_size', sa.String(length=10), server_default='medium', nullable=False),
    sa.Column('signature_opacity', sa.Double(), server_default='0.7', nullable=False),
    sa.Column('follower_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("signature_position IN ('bottom-left', 'bottom-center', 'bottom-right')", name=op.f('ck_artists_position')),
    sa.CheckConstraint("signature_size IN ('small', 'medium', 'large')", name=op.f('ck_artists_size')),
    sa.CheckConstraint('signature_opacity BETWEEN 0.3 AND 1', name=op.f('ck_artists_opacity')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_artists_user_id_users')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_artists'))
    )
    op.create_table('idempotency_keys',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('route', sa.String(length=60), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('body_sha256', sa.String(length=64), nullable=False),
    sa.Column('response', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_idempotency_keys_user_id_users')),
    sa.PrimaryKeyConstraint('user_id', 'route', 'key', name=op.f('pk_idempotency_keys'))
    )
    op.create_table('notifications',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('recipient_id', sa.BigInteger(), nullable=False),
    sa.Column('actor_id', sa.BigInteger(), nullable=True),
    sa.Column('type', sa.String(length=30), nullable=False),
    sa.Column('target_type', sa.String(length=20), nullable=False),
    sa.Column('target_id', sa.BigInteger(), nullable=False),
    sa.Column('dedupe_key', sa.String(length=100), nullable=False),
    sa.Column('is_read', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("type IN ('generation_complete', 'generation_failed', 'style_training_complete', 'style_training_failed')", name=op.f('ck_notifications_type')),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_notifications_actor_id_users')),
    sa.ForeignKeyConstraint(['recipient_id'], ['users.id'], name=op.f('fk_notifications_recipient_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notifications')),
    sa.UniqueConstraint('recipient_id', 'dedupe_key', name=op.f('uq_notifications_recipient_id_dedupe_key'))
    )
    op.create_index('ix_notifications_recent', 'notifications', ['recipient_id', 'created_at', 'id'], unique=False)
    op.create_table('sign_ins',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sign_ins_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_ins'))
    )
    op.create_index(op.f('ix_sign_ins_user_id'), 'sign_ins', ['user_id'], unique=False)
    op.create_table('styles',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('artist_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('description', sa.String(length=2000), nullable=False),
    sa.Column('price_tokens', sa.Integer(), nullable=False),
    sa.Column('license_type', sa.String(length=12), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('is_active', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('is_flagged', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('training_status', sa.String(length=10), server_default='pending', nullable=False),
    sa.Column('usage_count', sa.Integer(), server_default='0', nullable=False, comment='completed generations, moved in the commit that completes one'),
    sa.Column('base_model', sa.String(length=200), nullable=False),
    sa.Column('trigger', sa.String(length=50), nullable=False, comment='the rare word bound to the style'),
    sa.Column('adapter_key', sa.String(length=200), nullable=True),
    sa.Column('adapter_sha256', sa.String(length=64), nullable=True),
    sa.Column('thumbnail_key', sa.String(length=200), nullable=True),
    sa.Column('sample_keys', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("license_type IN ('personal', 'commercial', 'exclusive')", name=op.f('ck_styles_license_type')),
    sa.CheckConstraint("training_status <> 'completed' OR adapter_sha256 IS NOT NULL", name=op.f('ck_styles_completed_has_adapter')),
    sa.CheckConstraint("training_status IN ('pending', 'training', 'completed', 'failed')", name=op.f('ck_styles_training_status')),
    sa.CheckConstraint('price_tokens BETWEEN 1 AND 10000', name=op.f('ck_styles_price')),
    sa.CheckConstraint('valid_to IS NULL OR valid_to > valid_from', name=op.f('ck_styles_period')),
    sa.ForeignKeyConstraint(['artist_id'], ['artists.user_id'], name=op.f('fk_styles_artist_id_artists')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_styles'))
    )
    op.create_index('ix_styles_popular', 'styles', ['usage_count', 'created_at', 'id'], unique=False, postgresql_where='is_active AND NOT is_flagged')
    op.create_index('ix_styles_recent', 'styles', ['created_at', 'id'], unique=False, postgresql_where='is_active AND NOT is_flagged')
    op.create_index('ix_styles_tags', 'styles', ['tags'], unique=False, postgresql_using='gin')
    op.create_index('uq_styles_name', 'styles', ['artist_id', sa.literal_column('lower(name)')], unique=True, postgresql_where='is_active')
    op.create_index('uq_styles_one_active', 'styles', ['artist_id'], unique=True, postgresql_where="is_active AND training_status <> 'failed'")
    op.create_table('artworks',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('idx', sa.Integer(), nullable=False),
    sa.Column('filename', sa.String(length=255), nullable=False, comment='display text only, never a key'),
    sa.Column('upload_key', sa.String(length=200), nullable=False),
    sa.Column('declared_size', sa.BigInteger(), nullable=False),
    sa.Column('content_type', sa.String(length=20), nullable=False),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('status', sa.String(length=10), server_default='pending', nullable=False),
    sa.Column('code', sa.String(length=40), nullable=True),
    sa.Column('width', sa.Integer(), nullable=True),
    sa.Column('height', sa.Integer(), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=True),
    sa.Column('perceptual_hash', sa.String(length=16), nullable=True),
    sa.Column('clean_key', sa.String(length=200), nullable=True),
    sa.Column('is_removed', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("status IN ('pending', 'valid', 'rejected')", name=op.f('ck_artworks_status')),
    sa.ForeignKeyConstraint(['style_id'], ['styles.id'], name=op.f('fk_artworks_style_id_styles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_artworks'))
    )
    op.create_index('uq_artworks_idx', 'artworks', ['style_id', 'idx'], unique=True)
    op.create_table('orders',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('total_price_tokens', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['style_id'], ['styles.id'], name=op.f('fk_orders_style_id_styles')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_orders_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders'))
    )
    op.create_table('training_runs',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('seed', sa.BigInteger(), nullable=False),
    sa.Column('uploads_expire_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('progress', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('loss_history', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('sample_keys', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('metric', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('checkpoint_key', sa.String(length=200), nullable=True),
    sa.Column('adapter_key', sa.String(length=200), nullable=True),
    sa.Column('adapter_sha256', sa.String(length=64), nullable=True),
    sa.Column('attempt', sa.Integer(), server_default='1', nullable=False),
    sa.Column('failure_cause', sa.String(length=40), nullable=True),
    sa.Column('failure_message', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['style_id'], ['styles.id'], name=op.f('fk_training_runs_style_id_styles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_training_runs'))
    )
    op.create_index('ix_training_runs_style', 'training_runs', ['style_id', 'id'], unique=False)
    op.create_table('generations',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('order_id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(length=12), server_default='queued', nullable=False),
    sa.Column('prompt_tags', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('negative_tags', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('description', sa.String(length=500), server_default='', nullable=False),
    sa.Column('aspect_ratio', sa.String(length=4), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('seed', sa.BigInteger(), nullable=False),
    sa.Column('style_strength', sa.Double(), nullable=False),
    sa.Column('price_tokens', sa.Integer(), nullable=False),
    sa.Column('adapter_sha256', sa.String(length=64), nullable=False, comment='frozen when ordered'),
    sa.Column('license_public_id', sa.String(length=40), nullable=False),
    sa.Column('progress', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('failure_cause', sa.String(length=40), nullable=True),
    sa.Column('failure_message', sa.Text(), nullable=True),
    sa.Column('image_key', sa.String(length=200), nullable=True),
    sa.Column('preview_key', sa.String(length=200), nullable=True),
    sa.Column('thumbnail_key', sa.String(length=200), nullable=True),
    sa.Column('image_sha256', sa.String(length=64), nullable=True),
    sa.Column('image_size', sa.BigInteger(), nullable=True),
    sa.Column('is_public', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('is_flagged', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('like_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('comment_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('completed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("aspect_ratio IN ('1:1', '2:2', '1:2')", name=op.f('ck_generations_aspect_ratio')),
    sa.CheckConstraint("status <> 'completed' OR (image_key IS NOT NULL AND image_sha256 IS NOT NULL)", name=op.f('ck_generations_completed_has_image')),
    sa.CheckConstraint("status = 'completed' OR NOT is_public", name=op.f('ck_generations_only_completed_is_public')),
    sa.CheckConstraint("status IN ('queued', 'processing', 'retrying', 'completed', 'failed', 'canceled')", name=op.f('ck_generations_status')),
    sa.CheckConstraint('price_tokens BETWEEN 1 AND 10000', name=op.f('ck_generations_price')),
    sa.CheckConstraint('seed BETWEEN 0 AND 4294967295', name=op.f('ck_generations_seed')),
    sa.CheckConstraint('style_strength BETWEEN 0 AND 1.5', name=op.f('ck_generations_style_strength')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_generations_order_id_orders')),
    sa.ForeignKeyConstraint(['style_id'], ['styles.id'], name=op.f('fk_generations_style_id_styles')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_generations_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_generations')),
    sa.UniqueConstraint('license_public_id', name=op.f('uq_generations_license_public_id'))
    )
    op.create_index('ix_generations_feed', 'generations', ['created_at', 'id'], unique=False, postgresql_where='is_public AND NOT is_flagged')
    op.create_index('ix_generations_mine', 'generations', ['user_id', 'created_at', 'id'], unique=False)
    op.create_index(op.f('ix_generations_order_id'), 'generations', ['order_id'], unique=False)
    op.create_index('ix_generations_popular', 'generations', ['like_count', 'created_at', 'id'], unique=False, postgresql_where='is_public AND NOT is_flagged')
    op.create_index('ix_generations_style', 'generations', ['style_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_generations_tags', 'generations', ['prompt_tags'], unique=False, postgresql_using='gin')
    op.create_table('certificates',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.String(length=40), nullable=False),
    sa.Column('generation_id', sa.BigInteger(), nullable=False),
    sa.Column('artist_id', sa.BigInteger(), nullable=False),
    sa.Column('style_id', sa.BigInteger(), nullable=False),
    sa.Column('licensee_id', sa.BigInteger(), nullable=False),
    sa.Column('license_type', sa.String(length=12), nullable=False),
    sa.Column('terms_version', sa.String(length=20), nullable=False),
    sa.Column('status', sa.String(length=10), server_default='valid', nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('image_sha256', sa.String(length=64), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('perceptual_hash', sa.String(length=16), nullable=False),
    sa.Column('adapter_sha256', sa.String(length=64), nullable=False),
    sa.Column('base_model', sa.String(length=200), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('valid', 'revoked')", name=op.f('ck_certificates_status')),
    sa.ForeignKeyConstraint(['artist_id'], ['artists.user_id'], name=op.f('fk_certificates_artist_id_artists')),
    sa.ForeignKeyConstraint(['generation_id'], ['generations.id'], name=op.f('fk_certificates_generation_id_generations')),
    sa.ForeignKeyConstraint(['licensee_id'], ['users.id'], name=op.f('fk_certificates_licensee_id_users')),
    sa.ForeignKeyConstraint(['style_id'], ['styles.id'], name=op.f('fk_certificates_style_id_styles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificates')),
    sa.UniqueConstraint('generation_id', name=op.f('uq_certificates_generation_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_certificates_public_id'))
    )
    op.create_table('transfers',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('debit_account_id', sa.BigInteger(), nullable=False),
    sa.Column('credit_account_id', sa.BigInteger(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('generation_id', sa.BigInteger(), nullable=True),
    sa.Column('idempotency_key', sa.String(length=128), nullable=False),
    sa.Column('debit_balance_after', sa.BigInteger(), nullable=True),
    sa.Column('credit_balance_after', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("(kind IN ('hold', 'payout', 'refund')) = (generation_id IS NOT NULL)", name=op.f('ck_transfers_generation_named')),
    sa.CheckConstraint("kind IN ('bonus', 'grant', 'hold', 'payout', 'refund')", name=op.f('ck_transfers_kind')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_transfers_amount_positive')),
    sa.CheckConstraint('debit_account_id <> credit_account_id', name=op.f('ck_transfers_two_accounts')),
    sa.ForeignKeyConstraint(['credit_account_id'], ['accounts.id'], name=op.f('fk_transfers_credit_account_id_accounts')),
    sa.ForeignKeyConstraint(['debit_account_id'], ['accounts.id'], name=op.f('fk_transfers_debit_account_id_accounts')),
    sa.ForeignKeyConstraint(['generation_id'], ['generations.id'], name=op.f('fk_transfers_generation_id_generations')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transfers')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_transfers_idempotency_key'))
    )
    op.create_index('ix_transfers_credit', 'transfers', ['credit_account_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_transfers_debit', 'transfers', ['debit_account_id', 'created_at', 'id'], unique=False)
    op.create_index('uq_transfers_one_hold', 'transfers', ['generation_id'], unique=True, postgresql_where="kind = 'hold'")
    op.create_index('uq_transfers_one_outcome', 'transfers', ['generation_id'], unique=True, postgresql_where="kind IN ('payout', 'refund')")
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP TRIGGER transfers_are_append_only ON transfers")
    op.execute("DROP FUNCTION refuse_change()")
    op.drop_index('uq_transfers_one_outcome', table_name='transfers', postgresql_where="kind IN ('payout', 'refund')")
    op.drop_index('uq_transfers_one_hold', table_name='transfers', postgresql_where="kind = 'hold'")
    op.drop_index('ix_transfers_debit', table_name='transfers')
    op.drop_index('ix_transfers_credit', table_name='transfers')
    op.drop_table('transfers')
    op.drop_table('certificates')
    op.drop_index('ix_generations_tags', table_name='generations', postgresql_using='gin')
    op.drop_index('ix_generations_style', table_name='generations')
    op.drop_index('ix_generations_popular', table_name='generations', postgresql_where='is_public AND NOT is_flagged')
    op.drop_index(op.f('ix_generations_order_id'), table_name='generations')
    op.drop_index('ix_generations_mine', table_name='generations')
    op.drop_index('ix_generations_feed', table_name='generations', postgresql_where='is_public AND NOT is_flagged')
    op.drop_table('generations')
    op.drop_index('ix_training_runs_style', table_name='training_runs')
    op.drop_table('training_runs')
    op.drop_table('orders')
    op.drop_index('uq_artworks_idx', table_name='artworks')
    op.drop_table('artworks')
    op.drop_index('uq_styles_one_active', table_name='styles', postgresql_where="is_active AND training_status <> 'failed'")
    op.drop_index('uq_styles_name', table_name='styles', postgresql_where='is_active')
    op.drop_index('ix_styles_tags', table_name='styles', postgresql_using='gin')
    op.drop_index('ix_styles_recent', table_name='styles', postgresql_where='is_active AND NOT is_flagged')
    op.drop_index('ix_styles_popular', table_name='styles', postgresql_where='is_active AND NOT is_flagged')
    op.drop_table('styles')
    op.drop_index(op.f('ix_sign_ins_user_id'), table_name='sign_ins')
    op.drop_table('sign_ins')
    op.drop_index('ix_notifications_recent', table_name='notifications')
    op.drop_table('notifications')
    op.drop_table('idempotency_keys')
    op.drop_table('artists')
    op.drop_table('accounts')
    op.drop_table('users')
    op.drop_index('uq_tags_name', table_name='tags')
    op.drop_table('tags')
    op.drop_index('ix_jobs_leases', table_name='jobs', postgresql_where="state = 'running'")
    op.drop_index('ix_jobs_due', table_name='jobs', postgresql_where="state = 'queued'")
    op.drop_index('ix_jobs_claims', table_name='jobs', postgresql_where="state = 'queued'")
    op.drop_table('jobs')
