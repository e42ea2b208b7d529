"""sums and comments by index."""

from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

SUMMED = ['status', 'like_count', 'price_tokens']


def upgrade() -> None:
    """Apply."""
    _style_index([*SUMMED, 'deleted_at'], before=SUMMED)
    op.drop_index('ix_comments_of_image', table_name='comments')
    op.create_index('ix_comments_of_image', 'comments', ['generation_id', 'created_at', 'id'], postgresql_where='parent_id IS NULL')


def downgrade() -> None:
    """Undo."""
    op.drop_index('ix_comments_of_image', table_name='comments', postgresql_where='parent_id IS NULL')
    op.create_index('ix_comments_of_image', 'comments', ['generation_id', 'parent_id', 'created_at', 'id'])
    _style_index(SUMMED, before=[*SUMMED, 'deleted_at'])


def _style_index(included: list[str], *, before: list[str]) -> None:
    op.drop_index('ix_generations_style', table_name='generations', postgresql_include=before)
    op.create_index('ix_generations_style', 'generations', ['style_id', 'created_at', 'id'], postgresql_include=included)
