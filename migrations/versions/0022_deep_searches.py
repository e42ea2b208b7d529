"""Deep searches of uploaded pictures, and the list of revoked certificates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

KINDS = ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export')


def upgrade() -> None:
    """Apply."""
    op.create_table('deep_searches',
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('public_id', sa.String(length=40), nullable=False),
    sa.Column('picture_key', sa.LargeBinary(), nullable=True, comment='decrypts the picture in Redis; removed at the end'),
    sa.Column('report', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='queries.verifications.Report, once it is done'),
    sa.Column('failure_cause', sa.String(length=40), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deep_searches')),
    sa.UniqueConstraint('public_id', name=op.f('uq_deep_searches_public_id'))
    )
    _allow(*KINDS, 'deep_search')
    op.create_index('ix_certificates_revoked', 'certificates', ['revoked_at', 'id'], postgresql_where="status = 'revoked'")


def downgrade() -> None:
    """Undo."""
    op.drop_index('ix_certificates_revoked', table_name='certificates', postgresql_where="status = 'revoked'")
    op.execute("DELETE FROM jobs WHERE kind = 'deep_search'")
    _allow(*KINDS)
    op.drop_table('deep_searches')


def _allow(*kinds: str) -> None:
    op.drop_constraint(op.f('ck_jobs_kind'), 'jobs', type_='check')
    op.create_check_constraint(op.f('ck_jobs_kind'), 'jobs', f"kind IN ({', '.join(map(repr, kinds))})")
