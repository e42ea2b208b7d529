"""The legal name of a licensee, given with an order."""

import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column('orders', sa.Column('legal_name', sa.String(length=120), nullable=True, comment='whom the certificates name beside the display name'))


def downgrade() -> None:
    """Undo."""
    op.drop_column('orders', 'legal_name')
