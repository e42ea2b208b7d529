"""search: the n-grams of names, and the lists of popular tags and artists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

# Bodies in standard SQL are bound when they are made: a restored dump finds the same functions.
FUNCTIONS = r"""
CREATE FUNCTION searchable(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN btrim(regexp_replace(lower(normalize(value, NFKC)), '\s+', ' ', 'g'));
CREATE FUNCTION ngrams(value text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT coalesce(array_agg(DISTINCT substr(clean, place, size)), '{}')
        FROM searchable(value) AS clean,
            generate_series(1, length(clean)) AS place,
            generate_series(1, 2) AS size
    );
"""
# Column, what it holds, and its index.
GRAMS = {
    'artists': ('artist_name_grams', 'ngrams(artist_name::text)', 'ix_artists_grams', None),
    'styles': ('name_grams', 'ngrams(name::text)', 'ix_styles_grams', None),
    'tags': ('name_grams', 'ngrams(name)', 'ix_tags_grams', None),
    'users': ('username_grams', 'ngrams(username::text)', 'ix_users_grams', "role <> 'user'"),
}


def upgrade() -> None:
    """Apply."""
    op.execute(FUNCTIONS)
    for table, (column, expression, index, where) in GRAMS.items():
        op.add_column(table, sa.Column(column, postgresql.ARRAY(sa.Text()), sa.Computed(expression, persisted=True), nullable=False))
        op.create_index(index, table, [column], unique=False, postgresql_using='gin', postgresql_where=where)
    op.create_index('ix_artists_exact', 'artists', [sa.text('searchable(artist_name::text)')], unique=False)
    op.create_index('ix_users_exact', 'users', [sa.text('searchable(username::text)')], unique=False, postgresql_where="role <> 'user'")
    op.create_index('ix_users_popular', 'users', ['follower_count', 'created_at', 'id'], unique=False, postgresql_where="is_active AND role <> 'user'")
    op.create_index('ix_tags_prefix', 'tags', ['name'], unique=False, postgresql_ops={'name': 'text_pattern_ops'})
    op.create_index('ix_tags_popular', 'tags', [sa.text('usage_count DESC'), 'name'], unique=False, postgresql_where='is_active AND NOT is_flagged AND usage_count > 0')


def downgrade() -> None:
    """Undo."""
    op.drop_index('ix_tags_popular', table_name='tags', postgresql_where='is_active AND NOT is_flagged AND usage_count > 0')
    op.drop_index('ix_tags_prefix', table_name='tags', postgresql_ops={'name': 'text_pattern_ops'})
    op.drop_index('ix_users_popular', table_name='users', postgresql_where="is_active AND role <> 'user'")
    op.drop_index('ix_users_exact', table_name='users', postgresql_where="role <> 'user'")
    op.drop_index('ix_artists_exact', table_name='artists')
    for table, (column, _, index, where) in reversed(GRAMS.items()):
        op.drop_index(index, table_name=table, postgresql_using='gin', postgresql_where=where)
        op.drop_column(table, column)
    op.execute('DROP FUNCTION ngrams(text)')
    op.execute('DROP FUNCTION searchable(text)')
