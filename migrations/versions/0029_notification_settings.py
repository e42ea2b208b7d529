"""Settings of notifications, the picture that each is about, and notifications of refunds."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import fill, release_locks, replace, without_time_limit

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

TYPES = "type IN ('follow', 'like', 'comment', 'generation_complete', 'generation_failed', 'style_trained', 'style_training_complete', 'style_training_failed', 'payment_complete', 'set_job_complete', 'set_job_failed', 'style_outdated', 'report_decided', 'style_sales'"
KINDS = "kind IN ('likes', 'comments', 'follows', 'orders', 'styles', 'sales', 'money', 'reports')"
INDEX = 'ix_notifications_of_picture'
# Rows of the code before have no picture: these are given theirs, some thousand in a transaction.
FILL = """
    DO $$
    DECLARE last bigint := -9223372036854775808;
    BEGIN
        LOOP
            WITH piece AS (
                SELECT id, target_type, target_id FROM notifications WHERE id > last ORDER BY id LIMIT 5000
            ), filled AS (
                UPDATE notifications SET generation_id = CASE piece.target_type
                    WHEN 'generation' THEN piece.target_id
                    ELSE (SELECT comments.generation_id FROM comments WHERE comments.id = piece.target_id) END
                FROM piece WHERE notifications.id = piece.id AND piece.target_type IN ('generation', 'comment')
                    AND notifications.generation_id IS NULL
            )
            SELECT max(id) INTO last FROM piece;
            EXIT WHEN last IS NULL;
            COMMIT;
        END LOOP;
    END $$"""


def upgrade() -> None:
    """Apply. A second try begins again; older code shows a refund by its key, without a text."""
    op.execute('DROP TABLE IF EXISTS notification_settings')
    op.create_table('notification_settings',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('in_bell', sa.Boolean(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint(KINDS, name=op.f('ck_notification_settings_kind')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notification_settings_user_id_users')),
    sa.PrimaryKeyConstraint('user_id', 'kind', name=op.f('pk_notification_settings'))
    )
    release_locks()
    op.execute('ALTER TABLE notifications ADD COLUMN IF NOT EXISTS generation_id bigint')
    op.execute("COMMENT ON COLUMN notifications.generation_id IS 'the picture that it is about, also of a comment'")
    replace('notifications', 'type', f"{TYPES}, 'refund')")
    fill(FILL)
    with without_time_limit():
        op.drop_index(INDEX, table_name='notifications', if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, 'notifications', ['generation_id', 'recipient_id'], postgresql_where='generation_id IS NOT NULL', postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM notifications WHERE type = 'refund'")
    replace('notifications', 'type', f"{TYPES})")
    op.drop_index(INDEX, table_name='notifications')
    op.drop_column('notifications', 'generation_id')
    op.drop_table('notification_settings')
