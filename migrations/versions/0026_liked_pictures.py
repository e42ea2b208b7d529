"""The pictures that a user likes are read in the order of their likes."""

from alembic import op

from migrations.steps import without_time_limit

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

NEW, OLD = 'ix_likes_user', 'ix_likes_user_id'


def upgrade() -> None:
    """Apply. The index is built while the site works; a second try begins again."""
    with without_time_limit():
        op.drop_index(NEW, table_name='likes', if_exists=True, postgresql_concurrently=True)
        op.create_index(NEW, 'likes', ['user_id', 'created_at', 'generation_id'], postgresql_concurrently=True)
        op.drop_index(OLD, table_name='likes', if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    """Undo."""
    op.create_index(OLD, 'likes', ['user_id'])
    op.drop_index(NEW, table_name='likes')
