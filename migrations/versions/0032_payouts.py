"""Payout requests of artists, with their account, transfers and notifications."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import replace

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

OLD_ACCOUNTS = "kind IN ('spendable', 'earned', 'escrow', 'platform')"
NEW_ACCOUNTS = "kind IN ('spendable', 'earned', 'payout', 'escrow', 'platform')"
TRANSFERS = "kind IN ('bonus', 'grant', 'hold', 'payout', 'refund', 'reversal', 'purchase', 'purchase_refund', 'conversion', 'conversion_back', 'cover'"
NOTIFICATIONS = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated', 'report_decided', 'style_sales', 'refund'"


def upgrade() -> None:
    """Apply. A second try begins again; older code does not list such transfers."""
    op.execute('DROP TABLE IF EXISTS payout_requests')
    op.create_table('payout_requests',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_tokens', sa.BigInteger(), nullable=False),
    sa.Column('amount_krw', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(length=10), server_default='requested', nullable=False),
    sa.Column('paid_krw', sa.BigInteger(), nullable=True),
    sa.Column('reference', sa.String(length=100), nullable=True, comment='of the bank transfer'),
    sa.Column('note', sa.String(length=500), server_default='', nullable=False, comment='of the administrator, for the artist'),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("status IN ('requested', 'settled', 'declined', 'withdrawn')", name=op.f('ck_payout_requests_status')),
    sa.CheckConstraint('amount_tokens > 0 AND amount_krw > 0', name=op.f('ck_payout_requests_amounts_positive')),
    sa.CheckConstraint('paid_krw BETWEEN 1 AND amount_krw', name=op.f('ck_payout_requests_paid_up_to_worth')),
    sa.CheckConstraint("(status = 'requested') = (ended_at IS NULL)", name=op.f('ck_payout_requests_ended_has_time')),
    sa.CheckConstraint("(status = 'settled') = (paid_krw IS NOT NULL) AND (status = 'settled') = (reference IS NOT NULL)", name=op.f('ck_payout_requests_settled_has_payment')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_payout_requests_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payout_requests'))
    )
    op.create_index('uq_payout_requests_one_open', 'payout_requests', ['user_id'], unique=True, postgresql_where="status = 'requested'")
    op.create_index('ix_payout_requests_own', 'payout_requests', ['user_id', 'created_at', 'id'])
    op.create_index('ix_payout_requests_queue', 'payout_requests', ['status', 'created_at', 'id'])
    op.create_index('ix_payout_requests_ended', 'payout_requests', ['ended_at'])
    replace('accounts', 'kind', NEW_ACCOUNTS)
    replace('transfers', 'kind', f"{TRANSFERS}, 'payout_request', 'payout_settlement', 'payout_return')")
    replace('notifications', 'type', f"{NOTIFICATIONS}, 'payout_decided')")


def downgrade() -> None:
    """Undo. Refused while there are such transfers: the ledger is append-only."""
    op.execute("DELETE FROM notifications WHERE type = 'payout_decided'")
    replace('notifications', 'type', f'{NOTIFICATIONS})')
    replace('transfers', 'kind', f'{TRANSFERS})')
    op.execute("DELETE FROM accounts WHERE kind = 'payout'")
    replace('accounts', 'kind', OLD_ACCOUNTS)
    op.drop_table('payout_requests')
