"""a tag counts by images only once three people show such images; flagged images do not count."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

POPULAR = {
    'index_name': 'ix_tags_popular',
    'table_name': 'tags',
    'columns': [sa.text('usage_count DESC'), 'name'],
    'postgresql_where': 'is_active AND NOT is_flagged AND usage_count > 0',
}
COMMENTS = {
    'style_count': 'trained styles that have it',
    'image_count': 'images everybody may see that have it',
    'user_count': 'people with such images',
}
PUBLIC_USES = 'style_count + CASE WHEN user_count >= 3 THEN image_count ELSE 0 END'
COUNT_STYLES = """
    UPDATE tags SET style_count = counted.count
    FROM (SELECT word, count(*) FROM styles, unnest(tags) AS word
          WHERE training_status = 'completed' GROUP BY word) AS counted
    WHERE tags.name = counted.word"""
COUNT_IMAGES = """
    UPDATE tags SET image_count = counted.images, user_count = counted.people
    FROM (SELECT word, count(*) AS images, count(DISTINCT user_id) AS people
          FROM generations, unnest(prompt_tags) AS word
          WHERE is_public AND NOT is_flagged GROUP BY word) AS counted
    WHERE tags.name = counted.word"""


def upgrade() -> None:
    """Apply."""
    op.drop_index('ix_tags_popular', table_name='tags')
    op.drop_column('tags', 'usage_count')
    for name, comment in COMMENTS.items():
        op.add_column('tags', sa.Column(name, sa.Integer(), server_default='0', nullable=False, comment=comment))
    op.execute(COUNT_STYLES)
    op.execute(COUNT_IMAGES)
    op.add_column('tags', sa.Column('usage_count', sa.Integer(), sa.Computed(PUBLIC_USES, persisted=True), nullable=False))
    op.create_index(**POPULAR)


def downgrade() -> None:
    """Undo: every use counts again, of flagged images after the next recount."""
    op.drop_index('ix_tags_popular', table_name='tags')
    op.drop_column('tags', 'usage_count')
    op.add_column('tags', sa.Column('usage_count', sa.Integer(), server_default='0', nullable=False))
    op.execute('UPDATE tags SET usage_count = style_count + image_count')
    for name in reversed(COMMENTS):
        op.drop_column('tags', name)
    op.create_index(**POPULAR)
