"""Recognised pictures: watermark numbers, hashes of all three files, near perceptual hashes."""

import sqlalchemy as sa
from alembic import op

from migrations.steps import replace, without_time_limit

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

COLUMNS = {
    'watermark_number': (sa.BigInteger(), 'drawn when ordered; empty: ordered before there were watermarks'),
    'watermark_key_number': (sa.SmallInteger(), 'of WATERMARK_KEYS'),
    'preview_sha256': (sa.String(length=64), None),
    'thumbnail_sha256': (sa.String(length=64), None),
}
WATERMARK = '(watermark_number IS NULL) = (watermark_key_number IS NULL)'
FILES = ('image', 'preview', 'thumbnail')
CHUNK = "((('x' || substr(perceptual_hash, {first}, 4))::bit(16))::integer)"


def upgrade() -> None:
    """Apply. The indexes are built while the site works; a second try begins again."""
    for name, (kind, comment) in COLUMNS.items():
        op.add_column('generations', sa.Column(name, kind, nullable=True, comment=comment), if_not_exists=True)
    op.alter_column('certificates', 'perceptual_hash', comment='pHash of the delivered image, 64 bits in hexadecimal')
    replace('generations', 'watermark', WATERMARK)
    with without_time_limit():
        build('ix_generations_watermark', 'generations', ['watermark_number'], unique=True)
        for file in FILES:
            build(f'ix_generations_{file}_sha256', 'generations', [f'{file}_sha256'], postgresql_using='hash')
        for chunk in range(4):
            expression = sa.text(CHUNK.format(first=1 + 4 * chunk))
            build(f'ix_certificates_hash_chunk_{chunk}', 'certificates', [expression], postgresql_include=['perceptual_hash', 'id'])


def build(name: str, table: str, columns: list[str | sa.TextClause], **options: object) -> None:
    """Build an index without blocking writers; what an interrupted try left is removed first."""
    op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
    op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def downgrade() -> None:
    """Undo."""
    for chunk in range(4):
        op.drop_index(f'ix_certificates_hash_chunk_{chunk}', table_name='certificates')
    for file in FILES:
        op.drop_index(f'ix_generations_{file}_sha256', table_name='generations')
    op.drop_index('ix_generations_watermark', table_name='generations')
    op.alter_column('certificates', 'perceptual_hash', comment=None)
    op.drop_constraint(op.f('ck_generations_watermark'), 'generations', type_='check')
    for name in COLUMNS:
        op.drop_column('generations', name)
