"""The declarative Base, plain sessions for processes without Flask, and the only commit."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from failpoints import failpoint
from webapp.domain.settings import settings

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# A forgotten transaction must not hold locks, and no statement of ours needs longer.
# The time zone of every session is UTC, whatever the default of the database is.
SESSION = {
    "statement_timeout": "15000",
    "idle_in_transaction_session_timeout": "30000",
    "timezone": "UTC",
}
WEB_WAIT_SECONDS = 2.0
PROBES, MONEY = "probes", "money"  # pools of the web process beside the usual one
RESERVED_POOLS = {PROBES: 1, MONEY: 2}  # connections, twice as many for a peak
VIEWS = "views"  # one connection for counts of views, which may be left out
VIEW_WAIT_SECONDS = 0.1
# What workers catch when PostgreSQL is unavailable: the lease expires, the relay publishes again.
DatabaseUnavailable = OperationalError
# Opens one short transaction; for services with slow operations between several.
UnitOfWork = Callable[[], AbstractContextManager[Session]]


class Base(DeclarativeBase):
    """Every model of the domain; constraints get names so that migrations can name them."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def web_engine_options(pool_size: int = 10, *, is_pooled: bool = False) -> dict[str, object]:
    """Return the engine options of one pool of the web process, which may double for a peak.

    A request waits shortly for a lock and for a connection, then it is answered with 503: those
    that wait for one locked table must not take all connections and threads from the others.
    """
    return engine_options(pool_size, web_session(), is_pooled=is_pooled) | {
        "max_overflow": pool_size,
        "pool_timeout": WEB_WAIT_SECONDS,
    }


def web_session() -> dict[str, str]:
    """Return the parameters of PostgreSQL for sessions of the web process."""
    return SESSION | {"lock_timeout": f"{round(1000 * WEB_WAIT_SECONDS)}"}


def view_engine_options(*, is_pooled: bool = False) -> dict[str, object]:
    """Return the engine options of the pool for views: who finds it occupied counts nothing."""
    return engine_options(1, view_session(), is_pooled=is_pooled) | {
        "max_overflow": 0,
        "pool_timeout": VIEW_WAIT_SECONDS,
    }


def view_session() -> dict[str, str]:
    """Return the parameters of PostgreSQL for counts of views.

    They wait shortly for a lock, and not for the disk: a crash of PostgreSQL may lose the last.
    """
    wait = f"{round(1000 * VIEW_WAIT_SECONDS)}"
    return SESSION | {"lock_timeout": wait, "synchronous_commit": "off"}


def engine_options(
    pool_size: int = 5, session: Mapping[str, str] = SESSION, *, is_pooled: bool = False
) -> dict[str, object]:
    """Return the engine options that the web process and the workers share.

    If `is_pooled`, the engine needs `set_in_each_transaction`.
    """
    options = {} if is_pooled else {"options": connect_options(session)}
    return {
        "pool_size": pool_size,
        "pool_pre_ping": True,
        # The text of an error goes to logs and reports; what people wrote does not.
        "hide_parameters": True,
        "connect_args": options | {"connect_timeout": 5},
    }


def connect_options(session: Mapping[str, str]) -> str:
    """Return parameters of PostgreSQL as options of a new connection."""
    return " ".join(f"-c {name}={value}" for name, value in session.items())


def set_in_each_transaction(engine: Engine, session: Mapping[str, str] = SESSION) -> None:
    """Set parameters of PostgreSQL in every transaction, for a database behind PgBouncer.

    It takes no options with a connection, and the next transaction may be in another session.
    """
    statements = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in session.items())

    @event.listens_for(engine, "begin")
    def set_parameters(connection: Connection) -> None:
        connection.exec_driver_sql(statements)


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Return this process's engine; made on first use, so after a prefork child has forked."""
    is_pooled = settings().database_is_pooled
    made = create_engine(settings().database_url, **engine_options(is_pooled=is_pooled))
    if is_pooled:
        set_in_each_transaction(made)
    return made


@contextmanager
def transaction(session: Session) -> Iterator[Session]:
    """Commit what was done inside, or nothing. The only commit of the codebase."""
    try:
        yield session
        failpoint("before_commit")
        session.commit()
    except BaseException:
        session.rollback()
        raise
    failpoint("after_commit")


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Open a short session with one transaction, for processes without Flask."""
    with sessionmaker(engine(), expire_on_commit=False)() as session, transaction(session):
        yield session
