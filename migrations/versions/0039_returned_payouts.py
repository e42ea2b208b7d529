"""Payouts whose bank transfer came back."""

from alembic import op

from migrations.steps import replace, without_time_limit

revision = '0039'
down_revision = '0038'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TRANSFERS = "kind IN ('bonus', 'grant', 'hold', 'payout', 'refund', 'reversal', 'purchase', 'purchase_refund', 'conversion', 'conversion_back', 'cover', 'payout_request', 'payout_settlement', 'payout_return'"
STATES = "status IN ('requested', 'settled', 'declined', 'withdrawn'"
PAID = "({paid}) = (paid_krw IS NOT NULL) AND ({paid}) = (reference IS NOT NULL)"
BEFORE = [
    ('transfers', 'kind', f'{TRANSFERS})'),
    ('payout_requests', 'status', f'{STATES})'),
    ('payout_requests', 'settled_has_payment', PAID.format(paid="status = 'settled'")),
]
AFTER = [
    ('transfers', 'kind', f"{TRANSFERS}, 'payout_reversal')"),
    ('payout_requests', 'status', f"{STATES}, 'returned')"),
    ('payout_requests', 'settled_has_payment', PAID.format(paid="status IN ('settled', 'returned')")),
    ('payout_requests', 'returned_has_time', "(status = 'returned') = (returned_at IS NOT NULL) AND (status = 'returned') = (return_note IS NOT NULL)"),
]
RETURNED = 'ix_payout_requests_returned'


def upgrade() -> None:
    """Apply. A second try begins again; older code does not list such transfers."""
    op.execute('ALTER TABLE payout_requests ADD COLUMN IF NOT EXISTS returned_at timestamptz')
    op.execute('ALTER TABLE payout_requests ADD COLUMN IF NOT EXISTS return_note varchar(500)')
    op.execute("COMMENT ON COLUMN payout_requests.return_note IS 'why the bank returned the money, for the artist'")
    for check in AFTER:
        replace(*check)
    with without_time_limit():
        op.drop_index(RETURNED, table_name='payout_requests', if_exists=True, postgresql_concurrently=True)
        op.create_index(RETURNED, 'payout_requests', ['returned_at'], postgresql_where='returned_at IS NOT NULL', postgresql_concurrently=True)


def downgrade() -> None:
    """Undo. Refused while there are such payouts: the ledger is append-only."""
    for check in BEFORE:
        replace(*check)
    op.execute(f'DROP INDEX IF EXISTS {RETURNED}')
    op.execute('ALTER TABLE payout_requests DROP COLUMN IF EXISTS return_note, DROP COLUMN IF EXISTS returned_at')
