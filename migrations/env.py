"""Run migrations on the domain's database, with timeouts so that none can block the site.

Whoever writes waits behind a migration that waits for a lock, and in a deadlock PostgreSQL ends the
statement that first has waited for `deadlock_timeout` (1 s). So a migration stops waiting earlier;
`flask prepare` applies it again.
"""

import logging
from typing import Any

from alembic import context
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.orm import Session

from webapp.domain import models, readiness, schema_compatibility
from webapp.domain.db import SESSION, Base, connect_options
from webapp.domain.settings import settings

OPTIONS = connect_options(SESSION | {"lock_timeout": "500", "statement_timeout": "60000"})
# PostgreSQL stops an autovacuum of a table only for a session that has waited for so long. It must
# be less than lock_timeout. Not every role may set it.
CHECK_LOCKS_EARLY = text("""
    SELECT set_config('deadlock_timeout', '250ms', false)
    WHERE has_parameter_privilege('deadlock_timeout', 'SET')""")
TABLES = frozenset(Base.metadata.tables)
assert models.__all__  # noqa: S101 - importing the models fills the metadata
log = logging.getLogger("migrations")


def include_object(_object: object, name: str | None, kind: str, *rest: object) -> bool:
    """Leave alone what is not ours: autogenerate would drop tables it does not know."""
    is_reflected = bool(rest[0])
    return not (kind == "table" and is_reflected and name not in TABLES)


def state_compatibility(*, ctx: MigrationContext, heads: set[str], **_: Any) -> None:
    """Write which code can live with the schema, in the transaction of the migration."""
    assert ctx.connection is not None  # noqa: S101 - there is no offline mode
    schema_compatibility.write(ctx.connection, context.script, next(iter(heads), None))


def is_left_alone(connection: Connection) -> bool:
    """Tell whether newer code has migrated the database, so that there is nothing to do here.

    Raises SchemaTooNew if this code cannot live with that schema.
    """
    revision = context.get_context().get_current_revision()
    known = {script.revision for script in context.script.walk_revisions()}
    if revision is None or revision in known:
        return False
    with Session(connection) as session:
        readiness.check_schema(session)
    newest = context.script.get_current_head()
    log.warning("database at %s, code at %s: compatible, nothing is migrated", revision, newest)
    return True


def run() -> None:
    """Apply migrations, one transaction each."""
    # An engine of its own: its timeouts must not reach whoever uses the process' pool next.
    options = {"options": OPTIONS, "connect_timeout": 5}
    engine = create_engine(
        settings().database_session_url, poolclass=NullPool, connect_args=options
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=include_object,
            transaction_per_migration=True,
            compare_server_default=False,
            on_version_apply=state_compatibility,
        )
        if is_left_alone(connection):
            return
        connection.execute(CHECK_LOCKS_EARLY)
        schema_compatibility.create(connection)
        connection.commit()
        with context.begin_transaction():
            context.run_migrations()


run()
