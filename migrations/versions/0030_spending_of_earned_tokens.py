"""Transfers of earned tokens that are spent, and of what is missing for a refund."""

from alembic import op

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

KINDS = "kind IN ('bonus', 'grant', 'hold', 'payout', 'refund', 'reversal', 'purchase', 'purchase_refund'"
NEW = "'conversion', 'conversion_back', 'cover'"
NAME = 'ck_transfers_kind'


def replace(condition: str) -> None:
    """Replace the check; the rows are read while the site works."""
    op.drop_constraint(op.f(NAME), 'transfers', type_='check')
    op.execute(f'ALTER TABLE transfers ADD CONSTRAINT {NAME} CHECK ({condition}) NOT VALID')
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute(f'ALTER TABLE transfers VALIDATE CONSTRAINT {NAME}')
        op.execute("SET statement_timeout = '60s'")


def upgrade() -> None:
    """Apply. Older code does not list such transfers; balances are right."""
    replace(f"{KINDS}, {NEW})")


def downgrade() -> None:
    """Undo. Refused while there are such transfers: the ledger is append-only."""
    replace(f"{KINDS})")
