"""Sets: accounts and credits, rules, jobs with photos, instances, exports; what a purchase buys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

KINDS = "kind IN ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export')"
AMOUNTS = (
    "total_price > 0 AND amount_tokens >= 0 AND amount_credits >= 0 "
    "AND (amount_tokens > 0) = (product = 'tokens') AND (amount_credits > 0) = (product <> 'tokens')"
)
APPEND_ONLY = """
    CREATE TRIGGER sets_credit_entries_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON sets_credit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""


def upgrade() -> None:
    """Apply."""
    op.create_table('sets_masks',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('photo_sha256', sa.String(length=64), nullable=False),
    sa.Column('prompt', sa.String(length=200), nullable=False),
    sa.Column('segmenter', sa.String(length=30), nullable=False),
    sa.Column('version', sa.String(length=30), nullable=False),
    sa.Column('found', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{mask_key, box, area, score}], largest first'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_masks')),
    sa.UniqueConstraint('photo_sha256', 'prompt', 'segmenter', 'version', name=op.f('uq_sets_masks_photo_sha256_prompt_segmenter_version'))
    )
    op.create_table('sets_accounts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.String(length=40), nullable=False, comment='u_…'),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('credits', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('pro_until', sa.DateTime(timezone=True), nullable=True, comment='plan pro up to this moment'),
    sa.Column('adopted_by_id', sa.BigInteger(), nullable=True, comment='all it had moved there; its token is refused'),
    sa.Column('token_version', sa.Integer(), server_default='0', nullable=False, comment='raised to revoke all tokens issued before'),
    sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('adopted_by_id IS NULL OR user_id IS NULL', name=op.f('ck_sets_accounts_adopted_has_no_user')),
    sa.CheckConstraint('credits >= 0', name=op.f('ck_sets_accounts_credits_not_negative')),
    sa.ForeignKeyConstraint(['adopted_by_id'], ['sets_accounts.id'], name=op.f('fk_sets_accounts_adopted_by_id_sets_accounts')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sets_accounts_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_accounts')),
    sa.UniqueConstraint('public_id', name=op.f('uq_sets_accounts_public_id')),
    sa.UniqueConstraint('user_id', name=op.f('uq_sets_accounts_user_id'))
    )
    op.create_index('ix_sets_accounts_seen', 'sets_accounts', ['seen_at'], unique=False, postgresql_where='user_id IS NULL')
    op.create_table('sets_rules',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.String(length=40), nullable=False, comment='rule_…'),
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('preset_id', sa.String(length=30), nullable=False),
    sa.Column('name', sa.String(length=50), nullable=False),
    sa.Column('concepts', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='{concept: {action, value, options}}'),
    sa.Column('protect', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('length(name) BETWEEN 1 AND 50', name=op.f('ck_sets_rules_name')),
    sa.ForeignKeyConstraint(['account_id'], ['sets_accounts.id'], name=op.f('fk_sets_rules_account_id_sets_accounts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_rules')),
    sa.UniqueConstraint('public_id', name=op.f('uq_sets_rules_public_id'))
    )
    op.create_index('ix_sets_rules_account', 'sets_rules', ['account_id', 'created_at', 'id'], unique=False, postgresql_where='deleted_at IS NULL')
    op.create_table('sets_jobs',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.String(length=40), nullable=False, comment='job_…'),
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('source_job_id', sa.BigInteger(), nullable=True),
    sa.Column('parent_id', sa.BigInteger(), nullable=True),
    sa.Column('preset_id', sa.String(length=30), nullable=False),
    sa.Column('status', sa.String(length=10), server_default='created', nullable=False),
    sa.Column('item_count', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=50), server_default='', nullable=False, comment='of the variant, or of the saved rule'),
    sa.Column('rule_id', sa.BigInteger(), nullable=True),
    sa.Column('concepts', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False, comment='{concept: {action, value, options, prompt}}'),
    sa.Column('protect', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('overrides', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{items | group, concepts}]'),
    sa.Column('style_prices', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False, comment='{style id: tokens a region} that its person agreed to'),
    sa.Column('output_template', sa.String(length=30), server_default='', nullable=False),
    sa.Column('has_watermark', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('request_id', sa.String(length=64), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('purged_at', sa.DateTime(timezone=True), nullable=True, comment='its files were deleted'),
    sa.CheckConstraint("status IN ('created', 'uploaded', 'queued', 'running', 'done', 'failed', 'canceled')", name=op.f('ck_sets_jobs_status')),
    sa.CheckConstraint('item_count BETWEEN 1 AND 200', name=op.f('ck_sets_jobs_item_count')),
    sa.ForeignKeyConstraint(['account_id'], ['sets_accounts.id'], name=op.f('fk_sets_jobs_account_id_sets_accounts')),
    sa.ForeignKeyConstraint(['parent_id'], ['sets_jobs.id'], name=op.f('fk_sets_jobs_parent_id_sets_jobs')),
    sa.ForeignKeyConstraint(['rule_id'], ['sets_rules.id'], name=op.f('fk_sets_jobs_rule_id_sets_rules')),
    sa.ForeignKeyConstraint(['source_job_id'], ['sets_jobs.id'], name=op.f('fk_sets_jobs_source_job_id_sets_jobs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_jobs')),
    sa.UniqueConstraint('public_id', name=op.f('uq_sets_jobs_public_id'))
    )
    op.create_index('ix_sets_jobs_account', 'sets_jobs', ['account_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_sets_jobs_active', 'sets_jobs', ['account_id'], unique=False, postgresql_where="status IN ('created', 'uploaded', 'queued', 'running')")
    op.create_index('ix_sets_jobs_expiring', 'sets_jobs', ['expires_at'], unique=False, postgresql_where='purged_at IS NULL')
    op.create_index('ix_sets_jobs_parent', 'sets_jobs', ['parent_id'], unique=False, postgresql_where='parent_id IS NOT NULL')
    op.create_index('ix_sets_jobs_waiting', 'sets_jobs', ['updated_at'], unique=False, postgresql_where="status IN ('created', 'uploaded')")
    op.create_table('sets_exports',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('job_id', sa.BigInteger(), nullable=False),
    sa.Column('other_jobs', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='ids of the other jobs, in their order'),
    sa.Column('template', sa.String(length=30), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=False),
    sa.Column('version', sa.Integer(), server_default='0', nullable=False),
    sa.Column('status', sa.String(length=10), server_default='queued', nullable=False),
    sa.Column('archive_key', sa.String(length=200), nullable=True),
    sa.Column('archive_size', sa.BigInteger(), nullable=True),
    sa.Column('failure_code', sa.String(length=40), nullable=True),
    sa.Column('failure_message', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status <> 'ready' OR archive_key IS NOT NULL", name=op.f('ck_sets_exports_ready_has_archive')),
    sa.CheckConstraint("status IN ('queued', 'ready', 'failed')", name=op.f('ck_sets_exports_status')),
    sa.ForeignKeyConstraint(['job_id'], ['sets_jobs.id'], name=op.f('fk_sets_exports_job_id_sets_jobs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_exports')),
    sa.UniqueConstraint('job_id', 'other_jobs', 'template', 'language', 'version', name=op.f('uq_sets_exports_job_id_other_jobs_template_language_version'))
    )
    op.create_index('ix_sets_exports_job', 'sets_exports', ['job_id'], unique=False)
    op.create_table('sets_photos',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('job_id', sa.BigInteger(), nullable=False),
    sa.Column('idx', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False, comment='the order of display and export'),
    sa.Column('group', sa.String(length=30), server_default='', nullable=False),
    sa.Column('filename', sa.String(length=255), server_default='', nullable=False, comment='never a key'),
    sa.Column('content_type', sa.String(length=20), nullable=False),
    sa.Column('declared_size', sa.BigInteger(), nullable=True),
    sa.Column('upload_key', sa.String(length=200), nullable=False),
    sa.Column('status', sa.String(length=10), server_default='awaited', nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=True, comment='of the uploaded bytes, at confirmation'),
    sa.Column('width', sa.Integer(), nullable=True),
    sa.Column('height', sa.Integer(), nullable=True),
    sa.Column('photo_key', sa.String(length=200), nullable=True, comment='upright, sRGB, no metadata: PNG'),
    sa.Column('preview_key', sa.String(length=200), nullable=True, comment='of the photo, 1024 pixels'),
    sa.Column('result_key', sa.String(length=200), nullable=True),
    sa.Column('result_preview_key', sa.String(length=200), nullable=True),
    sa.Column('result_sha256', sa.String(length=64), nullable=True),
    sa.Column('result_size', sa.BigInteger(), nullable=True),
    sa.Column('warnings', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{code, concept}]'),
    sa.Column('failure_code', sa.String(length=40), nullable=True),
    sa.Column('failure_message', sa.Text(), nullable=True),
    sa.Column('is_purged', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("status <> 'done' OR result_key IS NOT NULL OR is_purged", name=op.f('ck_sets_photos_done')),
    sa.CheckConstraint("status IN ('awaited', 'checking', 'ready', 'queued', 'running', 'done', 'failed', 'canceled')", name=op.f('ck_sets_photos_status')),
    sa.ForeignKeyConstraint(['job_id'], ['sets_jobs.id'], name=op.f('fk_sets_photos_job_id_sets_jobs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_photos')),
    sa.UniqueConstraint('job_id', 'idx', name=op.f('uq_sets_photos_job_id_idx'))
    )
    op.create_index('ix_sets_photos_sha256', 'sets_photos', ['sha256'], unique=False)
    op.create_table('sets_edits',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('photo_id', sa.BigInteger(), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('returned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('attempt >= 1', name=op.f('ck_sets_edits_attempt')),
    sa.CheckConstraint('delivered_at IS NULL OR returned_at IS NULL', name=op.f('ck_sets_edits_ends_once')),
    sa.ForeignKeyConstraint(['photo_id'], ['sets_photos.id'], name=op.f('fk_sets_edits_photo_id_sets_photos')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_edits')),
    sa.UniqueConstraint('photo_id', 'attempt', name=op.f('uq_sets_edits_photo_id_attempt'))
    )
    op.create_table('sets_instances',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.String(length=40), nullable=False, comment='inst_…'),
    sa.Column('photo_id', sa.BigInteger(), nullable=False),
    sa.Column('concept', sa.String(length=60), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=10), server_default='include', nullable=False),
    sa.Column('source', sa.String(length=10), nullable=False),
    sa.Column('rule', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True, comment='a setting of its own: {action, value, options}'),
    sa.Column('points', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{x, y, include}], shares of the photo'),
    sa.Column('mask_key', sa.String(length=200), nullable=False, comment='PNG of one bit, size of the photo'),
    sa.Column('box', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[left, top, width, height] in pixels'),
    sa.Column('area', sa.BigInteger(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("source IN ('found', 'clicked', 'carried')", name=op.f('ck_sets_instances_source')),
    sa.CheckConstraint("state IN ('include', 'lock', 'exclude')", name=op.f('ck_sets_instances_state')),
    sa.CheckConstraint('score BETWEEN 0 AND 1', name=op.f('ck_sets_instances_score')),
    sa.ForeignKeyConstraint(['photo_id'], ['sets_photos.id'], name=op.f('fk_sets_instances_photo_id_sets_photos')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_instances')),
    sa.UniqueConstraint('photo_id', 'concept', 'number', name=op.f('uq_sets_instances_photo_id_concept_number')),
    sa.UniqueConstraint('public_id', name=op.f('uq_sets_instances_public_id'))
    )
    op.create_table('sets_segmentations',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('photo_id', sa.BigInteger(), nullable=False),
    sa.Column('concepts', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False, comment='[{name, prompt, is_many}]'),
    sa.Column('status', sa.String(length=10), server_default='queued', nullable=False),
    sa.Column('failure_code', sa.String(length=40), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('queued', 'running', 'ready', 'failed', 'canceled')", name=op.f('ck_sets_segmentations_status')),
    sa.ForeignKeyConstraint(['photo_id'], ['sets_photos.id'], name=op.f('fk_sets_segmentations_photo_id_sets_photos')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_segmentations'))
    )
    op.create_index('ix_sets_segmentations_photo', 'sets_segmentations', ['photo_id', 'id'], unique=False)
    op.create_index('uq_sets_segmentations_one_open', 'sets_segmentations', ['photo_id'], unique=True, postgresql_where="status IN ('queued', 'running')")
    op.create_table('sets_credit_entries',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='credits; below zero where they are taken'),
    sa.Column('job_id', sa.BigInteger(), nullable=True),
    sa.Column('edit_id', sa.BigInteger(), nullable=True),
    sa.Column('purchase_id', sa.BigInteger(), nullable=True),
    sa.Column('idempotency_key', sa.String(length=128), nullable=False),
    sa.Column('balance_after', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("(amount < 0) = (kind IN ('reserve', 'purchase_refund')) OR kind = 'adopted'", name=op.f('ck_sets_credit_entries_sign')),
    sa.CheckConstraint("(kind = 'return') = (edit_id IS NOT NULL)", name=op.f('ck_sets_credit_entries_return_names_edit')),
    sa.CheckConstraint("(kind IN ('purchase', 'purchase_refund')) = (purchase_id IS NOT NULL)", name=op.f('ck_sets_credit_entries_purchase_named')),
    sa.CheckConstraint("(kind IN ('reserve', 'return')) = (job_id IS NOT NULL)", name=op.f('ck_sets_credit_entries_job_named')),
    sa.CheckConstraint("kind IN ('welcome', 'grant', 'reserve', 'return', 'purchase', 'purchase_refund', 'adopted')", name=op.f('ck_sets_credit_entries_kind')),
    sa.CheckConstraint('amount <> 0', name=op.f('ck_sets_credit_entries_amount_not_zero')),
    sa.CheckConstraint('balance_after >= 0', name=op.f('ck_sets_credit_entries_balance_not_negative')),
    sa.ForeignKeyConstraint(['account_id'], ['sets_accounts.id'], name=op.f('fk_sets_credit_entries_account_id_sets_accounts')),
    sa.ForeignKeyConstraint(['edit_id'], ['sets_edits.id'], name=op.f('fk_sets_credit_entries_edit_id_sets_edits')),
    sa.ForeignKeyConstraint(['job_id'], ['sets_jobs.id'], name=op.f('fk_sets_credit_entries_job_id_sets_jobs')),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_sets_credit_entries_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_credit_entries')),
    sa.UniqueConstraint('idempotency_key', name=op.f('uq_sets_credit_entries_idempotency_key'))
    )
    op.create_index('ix_sets_credit_entries_account', 'sets_credit_entries', ['account_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_sets_credit_entries_job', 'sets_credit_entries', ['job_id'], unique=False, postgresql_where='job_id IS NOT NULL')
    op.create_index('uq_sets_credit_entries_once_per_purchase', 'sets_credit_entries', ['purchase_id', 'kind'], unique=True, postgresql_where='purchase_id IS NOT NULL')
    op.create_index('uq_sets_credit_entries_one_return', 'sets_credit_entries', ['edit_id'], unique=True, postgresql_where="kind = 'return'")
    op.create_table('sets_restyles',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('edit_id', sa.BigInteger(), nullable=False),
    sa.Column('instance_id', sa.BigInteger(), nullable=False),
    sa.Column('generation_id', sa.BigInteger(), nullable=False),
    sa.Column('concept', sa.String(length=60), nullable=False),
    sa.Column('picture_key', sa.String(length=200), nullable=False),
    sa.Column('mask_key', sa.String(length=200), nullable=False),
    sa.Column('painted_key', sa.String(length=200), nullable=True, comment='unsigned; shown to nobody'),
    sa.Column('painted_sha256', sa.String(length=64), nullable=True),
    sa.Column('canvas_sha256', sa.String(length=64), nullable=False, comment='of picture and mask: the same canvas'),
    sa.Column('change', sa.Double(), nullable=False),
    sa.Column('box', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('photo_sha256', sa.String(length=64), nullable=False, comment='the certificate names the photo by it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('change > 0 AND change <= 1', name=op.f('ck_sets_restyles_change')),
    sa.ForeignKeyConstraint(['edit_id'], ['sets_edits.id'], name=op.f('fk_sets_restyles_edit_id_sets_edits')),
    sa.ForeignKeyConstraint(['generation_id'], ['generations.id'], name=op.f('fk_sets_restyles_generation_id_generations')),
    sa.ForeignKeyConstraint(['instance_id'], ['sets_instances.id'], name=op.f('fk_sets_restyles_instance_id_sets_instances')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sets_restyles')),
    sa.UniqueConstraint('edit_id', 'instance_id', name=op.f('uq_sets_restyles_edit_id_instance_id')),
    sa.UniqueConstraint('generation_id', name=op.f('uq_sets_restyles_generation_id'))
    )
    op.create_index('ix_sets_restyles_edit', 'sets_restyles', ['edit_id'], unique=False)
    op.add_column('purchases', sa.Column('product', sa.String(length=20), server_default='tokens', nullable=False))
    op.add_column('purchases', sa.Column('sets_account_id', sa.BigInteger(), nullable=True))
    op.add_column('purchases', sa.Column('amount_credits', sa.Integer(), server_default='0', nullable=False, comment='of Sets'))
    op.create_foreign_key(op.f('fk_purchases_sets_account_id_sets_accounts'), 'purchases', 'sets_accounts', ['sets_account_id'], ['id'])

    op.drop_constraint(op.f('ck_purchases_amounts_positive'), 'purchases', type_='check')
    op.create_check_constraint(op.f('ck_purchases_amounts_positive'), 'purchases', AMOUNTS)
    op.create_check_constraint(op.f('ck_purchases_product'), 'purchases', "product IN ('tokens', 'sets_credits', 'sets_pro')")
    op.create_check_constraint(op.f('ck_purchases_sets_account_named'), 'purchases', "(sets_account_id IS NULL) = (product = 'tokens')")
    op.drop_constraint(op.f('ck_jobs_kind'), 'jobs', type_='check')
    op.create_check_constraint(op.f('ck_jobs_kind'), 'jobs', KINDS)
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM jobs WHERE kind IN ('photo_check', 'segmentation', 'photo_edit', 'sets_export')")
    op.drop_constraint(op.f('ck_jobs_kind'), 'jobs', type_='check')
    op.create_check_constraint(op.f('ck_jobs_kind'), 'jobs', "kind IN ('training', 'generation')")
    op.execute("UPDATE purchases SET amount_tokens = 1 WHERE product <> 'tokens'")
    op.drop_constraint(op.f('ck_purchases_sets_account_named'), 'purchases', type_='check')
    op.drop_constraint(op.f('ck_purchases_product'), 'purchases', type_='check')
    op.drop_constraint(op.f('ck_purchases_amounts_positive'), 'purchases', type_='check')
    op.create_check_constraint(op.f('ck_purchases_amounts_positive'), 'purchases', 'amount_tokens > 0 AND total_price > 0')
    op.drop_constraint(op.f('fk_purchases_sets_account_id_sets_accounts'), 'purchases', type_='foreignkey')
    op.drop_column('purchases', 'amount_credits')
    op.drop_column('purchases', 'sets_account_id')
    op.drop_column('purchases', 'product')
    op.drop_index('ix_sets_restyles_edit', table_name='sets_restyles')
    op.drop_table('sets_restyles')
    op.drop_index('uq_sets_credit_entries_one_return', table_name='sets_credit_entries', postgresql_where="kind = 'return'")
    op.drop_index('uq_sets_credit_entries_once_per_purchase', table_name='sets_credit_entries', postgresql_where='purchase_id IS NOT NULL')
    op.drop_index('ix_sets_credit_entries_job', table_name='sets_credit_entries', postgresql_where='job_id IS NOT NULL')
    op.drop_index('ix_sets_credit_entries_account', table_name='sets_credit_entries')
    op.drop_table('sets_credit_entries')
    op.drop_index('uq_sets_segmentations_one_open', table_name='sets_segmentations', postgresql_where="status IN ('queued', 'running')")
    op.drop_index('ix_sets_segmentations_photo', table_name='sets_segmentations')
    op.drop_table('sets_segmentations')
    op.drop_table('sets_instances')
    op.drop_table('sets_edits')
    op.drop_index('ix_sets_photos_sha256', table_name='sets_photos')
    op.drop_table('sets_photos')
    op.drop_index('ix_sets_exports_job', table_name='sets_exports')
    op.drop_table('sets_exports')
    op.drop_index('ix_sets_jobs_waiting', table_name='sets_jobs', postgresql_where="status IN ('created', 'uploaded')")
    op.drop_index('ix_sets_jobs_parent', table_name='sets_jobs', postgresql_where='parent_id IS NOT NULL')
    op.drop_index('ix_sets_jobs_expiring', table_name='sets_jobs', postgresql_where='purged_at IS NULL')
    op.drop_index('ix_sets_jobs_active', table_name='sets_jobs', postgresql_where="status IN ('created', 'uploaded', 'queued', 'running')")
    op.drop_index('ix_sets_jobs_account', table_name='sets_jobs')
    op.drop_table('sets_jobs')
    op.drop_index('ix_sets_rules_account', table_name='sets_rules', postgresql_where='deleted_at IS NULL')
    op.drop_table('sets_rules')
    op.drop_index('ix_sets_accounts_seen', table_name='sets_accounts', postgresql_where='user_id IS NULL')
    op.drop_table('sets_accounts')
    op.drop_table('sets_masks')
