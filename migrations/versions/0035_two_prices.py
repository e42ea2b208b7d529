"""A price for each licence of a style, the licence of each order, and filters of lists."""

from alembic import op

from migrations.steps import fill, release_locks, replace, without_time_limit

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None
# The oldest code that can live with this schema: docs/operations.md, Rolling deploy.
oldest_code = '0025'

LICENSES = "license_type IN ('personal', 'commercial', 'exclusive')"
COMMERCIAL = "commercial_price_tokens IS NULL OR license_type = 'personal' AND commercial_price_tokens BETWEEN price_tokens AND 10000"
CHECKS = [('orders', 'license_type', LICENSES), ('styles', 'commercial_price', COMMERCIAL)]
COMMENTS = {
    'orders.license_type': 'chosen by its buyer; NULL: that of the style (ordered by older code)',
    'sets_jobs.style_licenses': '{style id: licence} of these prices; without one that of the style',
    'styles.commercial_price_tokens': 'if both licences are sold; else price_tokens is the only price',
    'styles.license_type': 'of orders that choose none: personal, if it is sold',
    'styles.price_tokens': 'of license_type',
}
LISTS = {'ix_styles_recent': ['created_at', 'id'], 'ix_styles_popular': ['usage_count', 'created_at', 'id']}
SHAPES = {'ix_generations_ratio': ['aspect_ratio', 'created_at', 'id'], 'ix_generations_ratio_popular': ['aspect_ratio', 'like_count', 'created_at', 'id']}
BEFORE = ['training_status', 'license_type', 'artist_id']
AFTER = ['training_status', 'license_type', 'price_tokens', 'commercial_price_tokens', 'artist_id']
# The licence of a delivered order is that of its certificates; of any other the one that its
# pictures would get today. Some thousand in a transaction.
FILL = """
    DO $$
    DECLARE last text := '';
    BEGIN
        LOOP
            WITH piece AS (
                SELECT id FROM orders WHERE id > last ORDER BY id LIMIT 5000
            ), filled AS (
                UPDATE orders SET license_type = coalesce(
                    (SELECT certificates.license_type FROM generations
                     JOIN certificates ON certificates.generation_id = generations.id
                     WHERE generations.order_id = orders.id ORDER BY generations.id LIMIT 1),
                    (SELECT styles.license_type FROM styles WHERE styles.id = orders.style_id))
                FROM piece WHERE orders.id = piece.id AND orders.license_type IS NULL
            )
            SELECT max(id) INTO last FROM piece;
            EXIT WHEN last IS NULL;
            COMMIT;
        END LOOP;
    END $$"""


def upgrade() -> None:
    """Apply. A second try begins again."""
    op.execute('ALTER TABLE styles ADD COLUMN IF NOT EXISTS commercial_price_tokens integer')
    release_locks()
    op.execute('ALTER TABLE orders ADD COLUMN IF NOT EXISTS license_type varchar(12)')
    release_locks()
    op.execute("ALTER TABLE sets_jobs ADD COLUMN IF NOT EXISTS style_licenses jsonb NOT NULL DEFAULT '{}'")
    release_locks()
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
    for check in CHECKS:
        replace(*check)
    fill(FILL)
    with without_time_limit():
        rebuild(AFTER)
        for name, columns in SHAPES.items():
            op.drop_index(name, table_name='generations', if_exists=True, postgresql_concurrently=True)
            op.create_index(name, 'generations', columns, postgresql_where='is_public AND NOT is_flagged', postgresql_concurrently=True)


def rebuild(filters: list[str]) -> None:
    """Build the indexes of the catalogue with other filters, while it is read by the old ones."""
    for name, columns in LISTS.items():
        op.drop_index(f'{name}_new', table_name='styles', if_exists=True, postgresql_concurrently=True)
        op.create_index(f'{name}_new', 'styles', columns, postgresql_where='is_active AND NOT is_flagged', postgresql_include=filters, postgresql_concurrently=True)
        op.drop_index(name, table_name='styles', if_exists=True, postgresql_concurrently=True)
        op.execute(f'ALTER INDEX {name}_new RENAME TO {name}')


def downgrade() -> None:
    """Undo. A style keeps the price of one licence."""
    with without_time_limit():
        rebuild(BEFORE)
    for name in SHAPES:
        op.drop_index(name, table_name='generations')
    for table, name, _condition in CHECKS:
        op.drop_constraint(op.f(f'ck_{table}_{name}'), table, type_='check')
    op.drop_column('sets_jobs', 'style_licenses')
    op.drop_column('orders', 'license_type')
    op.drop_column('styles', 'commercial_price_tokens')
    op.execute('COMMENT ON COLUMN styles.price_tokens IS NULL')
    op.execute('COMMENT ON COLUMN styles.license_type IS NULL')
