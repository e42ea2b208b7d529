"""Run migrations on the domain's database, with timeouts so that none can block the site."""

from alembic import context
from sqlalchemy import NullPool, create_engine

from webapp.domain import models
from webapp.domain.db import SESSION, Base, connect_options
from webapp.domain.settings import settings

OPTIONS = connect_options(SESSION | {"lock_timeout": "5000", "statement_timeout": "60000"})
TABLES = frozenset(Base.metadata.tables)
assert models.__all__  # noqa: S101 - importing the models fills the metadata


def include_object(_object: object, name: str | None, kind: str, *rest: object) -> bool:
    """Leave alone what is not ours: autogenerate would drop tables it does not know."""
    is_reflected = bool(rest[0])
    return not (kind == "table" and is_reflected and name not in TABLES)


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
        )
        with context.begin_transaction():
            context.run_migrations()


run()
