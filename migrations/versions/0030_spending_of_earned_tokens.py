"""Transfers of earned tokens that are spent, and of what is missing for a refund."""

from alembic import op

from migrations.steps import replace

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

KINDS = "kind IN ('bonus', 'grant', 'hold', 'payout', 'refund', 'reversal', 'purchase', 'purchase_refund'"
NEW = "'conversion', 'conversion_back', 'cover'"


def upgrade() -> None:
    """Apply. Older code does not list such transfers; balances are right."""
    replace('transfers', 'kind', f"{KINDS}, {NEW})")


def downgrade() -> None:
    """Undo. Refused while there are such transfers: the ledger is append-only."""
    replace('transfers', 'kind', f"{KINDS})")
