"""the artist decides: trained styles, the last checkpoints of a training, try-out pictures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

OLD_CHECKS = {
    ('styles', 'training_status'): "training_status IN ('pending', 'training', 'completed', 'failed')",
    ('notifications', 'type'): "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed')",
    ('generations', 'price'): 'price_tokens BETWEEN 1 AND 10000',
}
NEW_CHECKS = {
    ('styles', 'training_status'): "training_status IN ('pending', 'training', 'trained', 'completed', 'failed')",
    ('notifications', 'type'): "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed')",
    ('generations', 'price'): 'price_tokens BETWEEN 0 AND 10000',
}
# A training that waits to be published has its result in the job; from now on it is a checkpoint.
WAITING = """
    INSERT INTO checkpoints (training_run_id, step, adapter_key, adapter_sha256, adapter_size, sample_keys)
    SELECT jobs.ref, coalesce(cast(cast(metric ->> 'steps' AS float8) AS int), 0),
           handover ->> 'adapter_key', handover ->> 'adapter_sha256', 0, handover -> 'sample_keys'
    FROM jobs JOIN training_runs ON training_runs.id = jobs.ref
    WHERE kind = 'training' AND step = 'publish_style' AND state IN ('queued', 'running')"""


def replace_checks(checks: dict[tuple[str, str], str]) -> None:
    """Give each check a new condition."""
    for (table, name), condition in checks.items():
        op.drop_constraint(op.f(f'ck_{table}_{name}'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_{name}'), table, condition)


def upgrade() -> None:
    """Apply."""
    op.create_table('checkpoints',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('training_run_id', sa.BigInteger(), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('held_out_loss', sa.Float(), nullable=True),
    sa.Column('gain_palette', sa.Float(), nullable=True, comment='share of the way to the works'),
    sa.Column('gain_texture', sa.Float(), nullable=True, comment='share of the way to the works'),
    sa.Column('gain_edges', sa.Float(), nullable=True, comment="energy as a share of the works'"),
    sa.Column('adapter_key', sa.String(length=200), nullable=True),
    sa.Column('adapter_sha256', sa.String(length=64), nullable=False),
    sa.Column('adapter_size', sa.BigInteger(), nullable=False),
    sa.Column('sample_keys', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('thumbnail_keys', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint('num_nulls(gain_palette, gain_texture, gain_edges) IN (0, 3)', name=op.f('ck_checkpoints_gain_whole')),
    sa.ForeignKeyConstraint(['training_run_id'], ['training_runs.id'], name=op.f('fk_checkpoints_training_run_id_training_runs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checkpoints')),
    sa.UniqueConstraint('training_run_id', 'step', name=op.f('uq_checkpoints_training_run_id_step'))
    )
    op.execute(WAITING)
    op.add_column('styles', sa.Column('publish', sa.String(length=12), server_default='by_artist', nullable=False))
    op.create_check_constraint(op.f('ck_styles_publish'), 'styles', "publish IN ('by_artist', 'when_trained')")
    op.alter_column('styles', 'usage_count', comment='completed generations that were paid for, moved in the commit that completes one')
    op.add_column('generations', sa.Column('checkpoint_id', sa.BigInteger(), nullable=True, comment='what a try-out is drawn with'))
    op.create_foreign_key(op.f('fk_generations_checkpoint_id_checkpoints'), 'generations', 'checkpoints', ['checkpoint_id'], ['id'], ondelete='SET NULL')
    op.alter_column('generations', 'price_tokens', comment='0 for a try-out, and for nothing else')
    replace_checks(NEW_CHECKS)
    op.create_check_constraint(op.f('ck_generations_try_out_is_free'), 'generations', '(price_tokens = 0) = (checkpoint_id IS NOT NULL) OR deleted_at IS NOT NULL')
    op.create_check_constraint(op.f('ck_generations_try_out_is_private'), 'generations', 'price_tokens > 0 OR NOT is_public')
    op.create_index('ix_generations_try_outs', 'generations', ['checkpoint_id', 'id'], postgresql_where='checkpoint_id IS NOT NULL')
    op.drop_index('ix_generations_mine_by_status', table_name='generations')
    op.create_index('ix_generations_mine_by_status', 'generations', ['user_id', 'status', 'created_at', 'id'], postgresql_include=['price_tokens'])


def downgrade() -> None:
    """Undo: a trained style is put on sale unseen, as every style was, and try-outs go."""
    op.drop_index('ix_generations_mine_by_status', table_name='generations')
    op.create_index('ix_generations_mine_by_status', 'generations', ['user_id', 'status', 'created_at', 'id'])
    op.drop_index('ix_generations_try_outs', table_name='generations', postgresql_where='checkpoint_id IS NOT NULL')
    for statement in BACK:
        op.execute(statement)
    op.drop_constraint(op.f('ck_generations_try_out_is_private'), 'generations', type_='check')
    op.drop_constraint(op.f('ck_generations_try_out_is_free'), 'generations', type_='check')
    replace_checks(OLD_CHECKS)
    op.alter_column('generations', 'price_tokens', comment=None)
    op.drop_constraint(op.f('fk_generations_checkpoint_id_checkpoints'), 'generations', type_='foreignkey')
    op.drop_column('generations', 'checkpoint_id')
    op.alter_column('styles', 'usage_count', comment='completed generations, moved in the commit that completes one')
    op.drop_constraint(op.f('ck_styles_publish'), 'styles', type_='check')
    op.drop_column('styles', 'publish')
    op.drop_table('checkpoints')


BACK = (
    "DELETE FROM notifications WHERE type = 'style_trained' OR (target_type = 'generation' AND target_id IN (SELECT id FROM generations WHERE price_tokens = 0))",
    "DELETE FROM jobs WHERE kind = 'generation' AND ref IN (SELECT id FROM generations WHERE price_tokens = 0)",
    'DELETE FROM certificates WHERE generation_id IN (SELECT id FROM generations WHERE price_tokens = 0)',
    'DELETE FROM generations WHERE price_tokens = 0',
    'DELETE FROM orders WHERE total_price_tokens = 0',
    """
    UPDATE styles
    SET training_status = 'completed', adapter_key = last.adapter_key,
        adapter_sha256 = last.adapter_sha256, sample_keys = last.sample_keys
    FROM (SELECT DISTINCT ON (style_id) style_id, checkpoints.* FROM checkpoints
          JOIN training_runs ON training_runs.id = training_run_id
          WHERE training_runs.adapter_sha256 IS NOT NULL
          ORDER BY style_id, training_run_id DESC, step DESC) AS last
    WHERE styles.id = last.style_id AND training_status = 'trained'""",
)
