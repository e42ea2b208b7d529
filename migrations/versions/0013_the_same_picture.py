"""the same picture: what a buyer owns is found by its words; only public images count as uses of tags."""

from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

USES = """
    UPDATE tags SET usage_count = coalesce(used.count, 0)
    FROM tags AS every LEFT JOIN (
        SELECT name, count(*) FROM (
            SELECT unnest(prompt_tags) AS name FROM generations WHERE {counted}
            UNION ALL
            SELECT unnest(tags) FROM styles WHERE training_status = 'completed'
        ) AS uses GROUP BY name
    ) AS used ON used.name = every.name
    WHERE tags.id = every.id AND tags.usage_count <> coalesce(used.count, 0)"""


def upgrade() -> None:
    """Apply."""
    op.create_index('ix_generations_same', 'generations', ['user_id', 'style_id', 'seed', 'prompt_tags'])
    op.execute(USES.format(counted="is_public"))


def downgrade() -> None:
    """Undo."""
    op.execute(USES.format(counted="status = 'completed'"))
    op.drop_index('ix_generations_same', table_name='generations')
