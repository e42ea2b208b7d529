"""At size: indexes of the relay and of retention, sealed periods of the ledger, cursors of tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.steps import without_time_limit

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

BUILT = {
    'ix_jobs_publication': ('jobs', [sa.text("coalesce(rung_at, '-infinity'::timestamptz)"), 'run_at'], "state = 'queued'"),
    'ix_jobs_deadlines': ('jobs', ['deadline_at'], "state IN ('queued', 'running')"),
    'ix_jobs_oldest': ('jobs', ['kind', 'step', 'id'], "state = 'queued'"),
    'ix_idempotency_keys_created_at': ('idempotency_keys', ['created_at'], None),
    'ix_sets_idempotency_keys_created_at': ('sets_idempotency_keys', ['created_at'], None),
    'ix_notifications_retention': ('notifications', ['is_read', 'created_at'], None),
    'ix_comments_generation_id': ('comments', ['generation_id'], None),
    'ix_generations_unfinished': ('generations', ['id'], "status IN ('queued', 'processing', 'retrying')"),
}
REPLACED = {
    'ix_jobs_due': ('jobs', ['run_at'], "state = 'queued'"),
    'ix_notifications_read': ('notifications', ['created_at'], 'is_read'),
}
APPEND_ONLY = """
    CREATE TRIGGER ledger_seals_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""


def upgrade() -> None:
    """Apply. The indexes are built while the site works; a second try begins again."""
    op.execute('DROP TABLE IF EXISTS task_cursors, ledger_sealed_balances, ledger_seals')
    op.create_table('ledger_seals',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('after_id', sa.BigInteger(), nullable=False, comment='the last transfer of the seal before'),
    sa.Column('until_id', sa.BigInteger(), nullable=False, comment='its last transfer'),
    sa.Column('transfer_count', sa.BigInteger(), nullable=False),
    sa.Column('sums', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='{kind of transfer: sum of amounts}'),
    sa.Column('chain_sha256', sa.String(length=64), nullable=False, comment='of the chain_sha256 before and all transfers'),
    sa.Column('last_transfer_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('until_id > after_id', name=op.f('ck_ledger_seals_forward')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_seals')),
    sa.UniqueConstraint('after_id', name=op.f('uq_ledger_seals_after_id')),
    sa.UniqueConstraint('until_id', name=op.f('uq_ledger_seals_until_id'))
    )
    op.create_table('ledger_sealed_balances',
    sa.Column('account_id', sa.BigInteger(), nullable=False),
    sa.Column('balance', sa.BigInteger(), nullable=False, comment='what all sealed transfers add up to'),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_ledger_sealed_balances_account_id_accounts')),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_ledger_sealed_balances'))
    )
    op.create_table('task_cursors',
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('position', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_task_cursors'))
    )
    op.execute(APPEND_ONLY)
    with without_time_limit():
        build(BUILT)
        for name, (table, _, _) in REPLACED.items():
            op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)


def build(indexes: dict[str, tuple[str, list[str | sa.TextClause], str | None]]) -> None:
    """Build indexes without blocking writers; what an interrupted try left is removed first."""
    for name, (table, columns, where) in indexes.items():
        op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_where=where, postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    for name, (table, columns, where) in REPLACED.items():
        op.create_index(name, table, columns, postgresql_where=where)
    for name, (table, _, _) in BUILT.items():
        op.drop_index(name, table_name=table)
    op.drop_table('task_cursors')
    op.drop_table('ledger_sealed_balances')
    op.drop_table('ledger_seals')
