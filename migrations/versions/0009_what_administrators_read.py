"""what administrators read: lists by index; nothing of a closed account is on offer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

# Name, table, what comes before the time, and the condition.
INDEXES = (
    ('ix_audit_entries_type', 'audit_entries', ['object_type'], None),
    ('ix_comments_of_person', 'comments', ['user_id'], None),
    ('ix_comments_recent', 'comments', [], None),
    ('ix_comments_hidden', 'comments', [], 'is_hidden'),
    ('ix_generations_kept', 'generations', [], 'deleted_at IS NULL'),
    ('ix_generations_flagged', 'generations', [], 'is_flagged'),
    ('ix_reports_all', 'reports', [], None),
    ('ix_styles_all', 'styles', [], None),
    ('ix_styles_flagged', 'styles', [], 'is_flagged'),
    ('ix_styles_off', 'styles', [], 'NOT is_active'),
    ('ix_tags_recent', 'tags', [], None),
    ('ix_tags_flagged', 'tags', [], 'is_flagged'),
    ('ix_tags_off', 'tags', [], 'NOT is_active'),
    ('ix_users_recent', 'users', [], 'deleted_at IS NULL'),
    ('ix_users_closed', 'users', [], 'NOT is_active AND deleted_at IS NULL'),
    ('ix_users_role', 'users', ['role'], 'deleted_at IS NULL'),
)
# Administrators closed accounts before, and left on sale and on show what was theirs.
CLOSED = """
UPDATE styles SET is_active = false, updated_at = clock_timestamp()
FROM users WHERE users.id = artist_id AND NOT users.is_active AND styles.is_active;
UPDATE generations SET is_public = false, updated_at = clock_timestamp()
FROM users WHERE users.id = user_id AND NOT users.is_active AND is_public;
"""


def upgrade() -> None:
    """Apply."""
    op.add_column('notifications', sa.Column('metadata', postgresql.JSONB(), server_default='{}', nullable=False))
    op.drop_index('ix_comments_user_id', table_name='comments')
    for name, table, first, where in INDEXES:
        op.create_index(name, table, [*first, 'created_at', 'id'], postgresql_where=where)
    op.execute(CLOSED)


def downgrade() -> None:
    """Undo."""
    for name, table, _, where in reversed(INDEXES):
        op.drop_index(name, table_name=table, postgresql_where=where)
    op.create_index('ix_comments_user_id', 'comments', ['user_id'])
    op.drop_column('notifications', 'metadata')
