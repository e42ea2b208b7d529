"""names that look alike are taken once; display names; an artist's address is not called verified."""

import sqlalchemy as sa
from alembic import op

from webapp.domain.names import keys

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

BATCH = 1000
# The oldest account keeps a name that several have; the others keep theirs until they change it.
NAMES = """
    SELECT id, username, artist_name FROM users LEFT JOIN artists ON artists.user_id = users.id
    WHERE deleted_at IS NULL ORDER BY id"""
TAKE = sa.text('INSERT INTO taken_names (key, user_id) VALUES (:key, :user_id) ON CONFLICT DO NOTHING')


def upgrade() -> None:
    """Apply."""
    op.alter_column('users', 'username', comment='the handle, in ASCII')
    op.add_column('users', sa.Column('display_name', sa.String(length=50), nullable=True, comment='in any script; not unique'))
    op.execute('UPDATE users SET display_name = username')
    op.alter_column('users', 'display_name', nullable=False)
    op.alter_column('artists', 'verified_email', new_column_name='contact_email', comment='as the artist wrote it; nobody has verified it')
    op.create_table(
        'taken_names',
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('user_id', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_taken_names_user_id_users')),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_taken_names')),
    )
    op.create_index(op.f('ix_taken_names_user_id'), 'taken_names', ['user_id'], unique=False)
    take_names()


def take_names() -> None:
    """Let everybody take the names they have."""
    connection = op.get_bind()
    for people in connection.execute(sa.text(NAMES)).partitions(BATCH):
        taken = [
            {'key': key, 'user_id': person.id}
            for person in people
            for name in (person.username, person.artist_name)
            if name is not None
            for key in sorted(keys(name))
        ]
        connection.execute(TAKE, taken)


def downgrade() -> None:
    """Undo."""
    op.drop_table('taken_names')
    op.alter_column('artists', 'contact_email', new_column_name='verified_email', comment=None)
    op.drop_column('users', 'display_name')
    op.alter_column('users', 'username', comment=None)
