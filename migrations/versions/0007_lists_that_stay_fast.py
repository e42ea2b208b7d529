"""lists that stay fast."""

from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

SHOWN = 'is_public AND NOT is_flagged'
OFFERED = 'is_active AND NOT is_flagged'
SUMMED = ['status', 'like_count', 'price_tokens']
FILTERED = ['training_status', 'license_type', 'artist_id']
CATALOGUE = {'ix_styles_recent': ['created_at', 'id'], 'ix_styles_popular': ['usage_count', 'created_at', 'id']}


def upgrade() -> None:
    """Apply."""
    for side in ('debit', 'credit'):
        op.drop_index(f'ix_transfers_{side}', table_name='transfers')
        op.create_index(f'ix_transfers_{side}', 'transfers', [f'{side}_account_id', 'kind', 'created_at', 'id'])
    op.drop_index('ix_notifications_unread', table_name='notifications', postgresql_where='NOT is_read')
    op.create_index('ix_notifications_unread', 'notifications', ['recipient_id', 'created_at', 'id'], postgresql_where='NOT is_read')
    op.create_index('ix_styles_artist', 'styles', ['artist_id', 'created_at', 'id'])
    op.create_index('ix_generations_mine_by_status', 'generations', ['user_id', 'status', 'created_at', 'id'])
    op.create_index('ix_generations_user_popular', 'generations', ['user_id', 'like_count', 'created_at', 'id'], postgresql_where=SHOWN)
    op.create_index('ix_generations_style_popular', 'generations', ['style_id', 'like_count', 'created_at', 'id'], postgresql_where=SHOWN)
    op.drop_index('ix_generations_style', table_name='generations')
    op.create_index('ix_generations_style', 'generations', ['style_id', 'created_at', 'id'], postgresql_include=SUMMED)
    for name, columns in CATALOGUE.items():
        op.drop_index(name, table_name='styles', postgresql_where=OFFERED)
        op.create_index(name, 'styles', columns, postgresql_where=OFFERED, postgresql_include=FILTERED)


def downgrade() -> None:
    """Undo."""
    for name, columns in CATALOGUE.items():
        op.drop_index(name, table_name='styles', postgresql_where=OFFERED, postgresql_include=FILTERED)
        op.create_index(name, 'styles', columns, postgresql_where=OFFERED)
    op.drop_index('ix_generations_style', table_name='generations', postgresql_include=SUMMED)
    op.create_index('ix_generations_style', 'generations', ['style_id', 'created_at', 'id'])
    op.drop_index('ix_generations_style_popular', table_name='generations', postgresql_where=SHOWN)
    op.drop_index('ix_generations_user_popular', table_name='generations', postgresql_where=SHOWN)
    op.drop_index('ix_generations_mine_by_status', table_name='generations')
    op.drop_index('ix_styles_artist', table_name='styles')
    op.drop_index('ix_notifications_unread', table_name='notifications', postgresql_where='NOT is_read')
    op.create_index('ix_notifications_unread', 'notifications', ['recipient_id'], postgresql_where='NOT is_read')
    for side in ('debit', 'credit'):
        op.drop_index(f'ix_transfers_{side}', table_name='transfers')
        op.create_index(f'ix_transfers_{side}', 'transfers', [f'{side}_account_id', 'created_at', 'id'])
