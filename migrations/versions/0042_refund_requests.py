"""Refunds of payments that buyers ask for, and the decline by an administrator."""

from alembic import op

from migrations.steps import replace, without_time_limit

revision = '0042'
down_revision = '0041'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

COLUMNS = {
    'refund_requested_at': 'timestamptz',
    'refund_reason': 'varchar(500)',
    'refund_declined_at': 'timestamptz',
    'refund_decline_note': 'varchar(500)',
}
CHECKS = {
    'refund_requested_of_paid': "refund_requested_at IS NULL OR status IN ('paid', 'refunded')",
    'refund_reason_of_request': 'refund_requested_at IS NOT NULL OR refund_reason IS NULL AND refund_declined_at IS NULL',
    'refund_declined_with_note': '(refund_declined_at IS NULL) = (refund_decline_note IS NULL)',
}
REQUESTED = 'ix_purchases_refund_requested'
IS_REQUESTED = "status = 'paid' AND refund_requested_at IS NOT NULL AND refund_declined_at IS NULL AND refund_key IS NULL"


def upgrade() -> None:
    """Apply. A second try begins again; older code leaves the columns empty."""
    added = ', '.join(f'ADD COLUMN IF NOT EXISTS {name} {kind}' for name, kind in COLUMNS.items())
    op.execute(f'ALTER TABLE purchases {added}')
    op.execute("COMMENT ON COLUMN purchases.refund_reason IS 'what the buyer wrote'")
    op.execute("COMMENT ON COLUMN purchases.refund_decline_note IS 'why the request was declined, for the buyer'")
    for name, condition in CHECKS.items():
        replace('purchases', name, condition)
    with without_time_limit():
        op.drop_index(REQUESTED, table_name='purchases', if_exists=True, postgresql_concurrently=True)
        op.create_index(REQUESTED, 'purchases', ['refund_requested_at', 'id'], postgresql_where=IS_REQUESTED, postgresql_concurrently=True)


def downgrade() -> None:
    """Undo. Open requests are lost."""
    op.execute(f'DROP INDEX IF EXISTS {REQUESTED}')
    for name in CHECKS:
        op.execute(f'ALTER TABLE purchases DROP CONSTRAINT IF EXISTS ck_purchases_{name}')
    dropped = ', '.join(f'DROP COLUMN IF EXISTS {name}' for name in COLUMNS)
    op.execute(f'ALTER TABLE purchases {dropped}')
