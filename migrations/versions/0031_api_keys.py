"""API keys, with which programs act for a person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

SCOPES = "'read' = ANY(scopes) AND scopes <@ ARRAY['read', 'order', 'manage']"


def upgrade() -> None:
    """Apply. Older code does not delete the keys of an account that it closes; they stay refused."""
    op.create_table('api_keys',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=50), nullable=False),
    sa.Column('scopes', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('start', sa.String(length=12), nullable=False, comment='of the secret, to recognise it'),
    sa.Column('sha256', sa.String(length=64), nullable=False, comment='of the whole secret, which is not stored'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_on', sa.Date(), nullable=True, comment='day in UTC'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('length(name) BETWEEN 1 AND 50', name=op.f('ck_api_keys_name')),
    sa.CheckConstraint(SCOPES, name=op.f('ck_api_keys_scopes')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_api_keys_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys')),
    sa.UniqueConstraint('sha256', name=op.f('uq_api_keys_sha256'))
    )
    op.create_index('ix_api_keys_user', 'api_keys', ['user_id', 'id'])


def downgrade() -> None:
    """Undo."""
    op.drop_table('api_keys')
