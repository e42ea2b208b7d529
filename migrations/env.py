"""Run migrations over the domain's own engine, with timeouts so that none can block the site."""

from alembic import context
from sqlalchemy import text

from webapp.domain import models
from webapp.domain.db import Base, engine

TABLES = frozenset(Base.metadata.tables)
assert models.__all__  # noqa: S101 - importing the models fills the metadata


def include_object(_object: object, name: str | None, kind: str, *rest: object) -> bool:
    """Leave alone what is not ours: autogenerate would drop tables it does not know."""
    is_reflected = bool(rest[0])
    return not (kind == "table" and is_reflected and name not in TABLES)


def run() -> None:
    """Apply migrations, one transaction each."""
    with engine().connect() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SET statement_timeout = '60s'"))
        connection.commit()
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
