"""Webhooks: addresses of programs, and the messages that are sent to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.steps import replace

revision = '0036'
down_revision = '0035'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

EVENTS = "'generation.completed', 'generation.failed', 'generation.refunded', 'generation.sold', 'style.trained', 'style.training_failed'"
TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated', 'report_decided', 'style_sales', 'refund', 'payout_decided', 'data_export_ready'"
KINDS = "kind IN ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export', 'deep_search', 'data_export'"


def upgrade() -> None:
    """Apply. A second try begins again; older code sends nothing and keeps the rows."""
    op.execute('DROP TABLE IF EXISTS webhook_deliveries, webhooks')
    op.create_table('webhooks',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('url', sa.String(length=500), nullable=False),
    sa.Column('events', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('secret', sa.String(length=60), nullable=False, comment='whsec_ and base64; it signs'),
    sa.Column('previous_secret', sa.String(length=60), nullable=True, comment='signs too, until previous_until'),
    sa.Column('previous_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('disabled_cause', sa.String(length=12), nullable=True, comment='NULL: it is in use'),
    sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True, comment='first failure after a success'),
    sa.Column('busy_until', sa.DateTime(timezone=True), nullable=True, comment='while a message is being sent to it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint(f"cardinality(events) > 0 AND events <@ ARRAY[{EVENTS}]", name=op.f('ck_webhooks_events')),
    sa.CheckConstraint("disabled_cause IS NULL OR disabled_cause IN ('switched_off', 'gone', 'failing')", name=op.f('ck_webhooks_disabled_cause')),
    sa.CheckConstraint('(previous_secret IS NULL) = (previous_until IS NULL)', name=op.f('ck_webhooks_previous_secret')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_webhooks_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhooks'))
    )
    op.create_index('ix_webhooks_user', 'webhooks', ['user_id', 'id'])
    op.create_table('webhook_deliveries',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('webhook_id', sa.BigInteger(), nullable=False),
    sa.Column('message_id', sa.String(length=40), nullable=False, comment='header webhook-id, the same at every try and address'),
    sa.Column('event', sa.String(length=30), nullable=False),
    sa.Column('body', sa.Text(), nullable=False, comment='JSON, byte by byte as it is signed'),
    sa.Column('status', sa.String(length=10), server_default='queued', nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('last_status', sa.Integer(), nullable=True, comment='HTTP status of the last answer'),
    sa.Column('last_problem', sa.String(length=20), nullable=True, comment='if there was no answer'),
    sa.Column('last_attempt_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint(f"event IN ({EVENTS}, 'webhook.test')", name=op.f('ck_webhook_deliveries_event')),
    sa.CheckConstraint("status IN ('queued', 'delivered', 'failed')", name=op.f('ck_webhook_deliveries_status')),
    sa.ForeignKeyConstraint(['webhook_id'], ['webhooks.id'], name=op.f('fk_webhook_deliveries_webhook_id_webhooks'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_deliveries'))
    )
    op.create_index('ix_webhook_deliveries_webhook', 'webhook_deliveries', ['webhook_id', 'id'])
    op.create_index('ix_webhook_deliveries_created_at', 'webhook_deliveries', ['created_at'])
    op.create_index('ix_webhook_deliveries_queued', 'webhook_deliveries', ['created_at'], postgresql_where="status = 'queued'")
    replace('notifications', 'type', f"{TYPES}, 'webhook_disabled')")
    replace('jobs', 'kind', f"{KINDS}, 'webhook_delivery')")


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type = 'webhook_disabled'")
    op.execute("DELETE FROM jobs WHERE kind = 'webhook_delivery'")
    replace('notifications', 'type', f"{TYPES})")
    replace('jobs', 'kind', f"{KINDS})")
    op.drop_table('webhook_deliveries')
    op.drop_table('webhooks')
