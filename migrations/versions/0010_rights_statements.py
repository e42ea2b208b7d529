"""rights statements."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column('styles', sa.Column('rights_statement', sa.Text(), nullable=True, comment='what the artist agreed to, word for word'))
    op.add_column('styles', sa.Column('rights_version', sa.String(length=20), nullable=True))
    op.add_column('styles', sa.Column('rights_agreed_at', sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f('ck_styles_rights_whole'), 'styles', 'num_nulls(rights_statement, rights_version, rights_agreed_at) IN (0, 3)')


def downgrade() -> None:
    """Undo."""
    op.drop_constraint(op.f('ck_styles_rights_whole'), 'styles', type_='check')
    op.drop_column('styles', 'rights_agreed_at')
    op.drop_column('styles', 'rights_version')
    op.drop_column('styles', 'rights_statement')
