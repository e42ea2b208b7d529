"""no style is offered as exclusive: what was becomes commercial; certificates stay as issued.

An exclusive licence was a commercial one with a promise that nothing kept.
"""

from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("UPDATE styles SET license_type = 'commercial' WHERE license_type = 'exclusive'")
    op.drop_constraint(op.f('ck_styles_license_type'), 'styles', type_='check')
    op.create_check_constraint(op.f('ck_styles_license_type'), 'styles', "license_type IN ('personal', 'commercial')")


def downgrade() -> None:
    """Undo; which offers were exclusive is not known any more."""
    op.drop_constraint(op.f('ck_styles_license_type'), 'styles', type_='check')
    op.create_check_constraint(op.f('ck_styles_license_type'), 'styles', "license_type IN ('personal', 'commercial', 'exclusive')")
