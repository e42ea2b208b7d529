import pytest
from sqlalchemy import text

from webapp.domain import readiness


def test_a_migrated_database_is_ready(session):
    readiness.check_connection(session)
    readiness.check_schema(session)


def test_a_database_at_another_revision_is_not(session):
    session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    with pytest.raises(readiness.SchemaMismatch):
        readiness.check_schema(session)
