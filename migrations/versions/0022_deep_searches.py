"""Deep searches of uploaded pictures, and the list of revoked certificates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.steps import replace, without_time_limit

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

KINDS = ('training', 'generation', 'photo_check', 'segmentation', 'photo_edit', 'sets_export')
REVOKED = 'ix_certificates_revoked'


def upgrade() -> None:
    """Apply. Rows are read while the site works; a second try begins again."""
    op.execute('DROP TABLE IF EXISTS deep_searches')
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
    replace('jobs', 'kind', _allowed(*KINDS, 'deep_search'))
    with without_time_limit():
        op.drop_index(REVOKED, table_name='certificates', if_exists=True, postgresql_concurrently=True)
        op.create_index(REVOKED, 'certificates', ['revoked_at', 'id'], postgresql_where="status = 'revoked'", postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    op.drop_index(REVOKED, table_name='certificates', postgresql_where="status = 'revoked'")
    op.execute("DELETE FROM jobs WHERE kind = 'deep_search'")
    op.drop_constraint(op.f('ck_jobs_kind'), 'jobs', type_='check')
    op.create_check_constraint(op.f('ck_jobs_kind'), 'jobs', _allowed(*KINDS))
    op.drop_table('deep_searches')


def _allowed(*kinds: str) -> str:
    return f"kind IN ({', '.join(map(repr, kinds))})"
