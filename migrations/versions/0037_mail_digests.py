"""Mail digests of notifications, and the kind of notifications about the account."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import replace

revision = '0037'
down_revision = '0036'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated', 'report_decided', 'style_sales', 'refund', 'payout_decided', 'data_export_ready', 'webhook_disabled'"
NOTIFICATION_KINDS = "kind IN ('likes', 'comments', 'follows', 'orders', 'styles', 'sales', 'money', 'reports'"
JOB_KINDS = "kind IN ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export', 'deep_search', 'data_export', 'webhook_delivery'"


def upgrade() -> None:
    """Apply. A second try begins again; older code sends no mails."""
    op.execute('DROP TABLE IF EXISTS mail_digests, mail_digest_settings')
    op.create_table('mail_digest_settings',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('frequency', sa.String(length=10), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=False, comment='of the page of the choice; that of the account goes before'),
    sa.Column('email', sa.String(length=255), nullable=False, comment='that secret and refusals belong to'),
    sa.Column('secret', sa.String(length=43), nullable=False, comment='signs the links of unsubscribing'),
    sa.Column('refusals', sa.Integer(), server_default='0', nullable=False, comment='of the address, in a row'),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('covered_until', sa.DateTime(timezone=True), nullable=False, comment='what is older is not in the next digest'),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("frequency IN ('off', 'daily', 'weekly')", name=op.f('ck_mail_digest_settings_frequency')),
    sa.CheckConstraint("language IN ('en', 'ko')", name=op.f('ck_mail_digest_settings_language')),
    sa.CheckConstraint("(frequency = 'off') = (due_at IS NULL)", name=op.f('ck_mail_digest_settings_due_unless_off')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_mail_digest_settings_user_id_users')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_mail_digest_settings'))
    )
    op.create_index('ix_mail_digest_settings_due', 'mail_digest_settings', ['due_at'], postgresql_where='due_at IS NOT NULL')
    op.create_table('mail_digests',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False, comment="in the market's time zone"),
    sa.Column('status', sa.String(length=10), server_default='queued', nullable=False),
    sa.Column('notification_count', sa.Integer(), server_default='0', nullable=False),
    sa.Column('failure', sa.String(length=200), nullable=True, comment="the mail server's answer"),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("status IN ('queued', 'sending', 'sent', 'skipped', 'refused', 'failed', 'unknown')", name=op.f('ck_mail_digests_status')),
    sa.CheckConstraint("(status IN ('queued', 'sending')) = (finished_at IS NULL)", name=op.f('ck_mail_digests_finished')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_mail_digests_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_digests')),
    sa.UniqueConstraint('user_id', 'day', name=op.f('uq_mail_digests_user_id_day'))
    )
    op.create_index('ix_mail_digests_recent', 'mail_digests', ['created_at', 'id'])
    replace('notifications', 'type', f"{TYPES}, 'mail_digest_stopped')")
    replace('notification_settings', 'kind', f"{NOTIFICATION_KINDS}, 'account')")
    replace('jobs', 'kind', f"{JOB_KINDS}, 'mail_digest')")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type = 'mail_digest_stopped'")
    op.execute("DELETE FROM notification_settings WHERE kind = 'account'")
    op.execute("DELETE FROM jobs WHERE kind = 'mail_digest'")
    replace('notifications', 'type', f"{TYPES})")
    replace('notification_settings', 'kind', f"{NOTIFICATION_KINDS})")
    replace('jobs', 'kind', f"{JOB_KINDS})")
    op.drop_table('mail_digests')
    op.drop_table('mail_digest_settings')
