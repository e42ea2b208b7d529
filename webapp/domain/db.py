"""The declarative Base, plain sessions for processes without Flask, and the only commit."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache

from sqlalchemy import Engine, MetaData, create_engine
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
CONNECT_OPTIONS = (
    "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
)
WEB_WAIT_SECONDS = 2.0
PROBES, MONEY = "probes", "money"  # pools of the web process beside the usual one
RESERVED_POOLS = {PROBES: 1, MONEY: 2}  # connections, twice as many for a peak
# What workers catch when PostgreSQL is unavailable: the lease expires, the relay publishes again.
DatabaseUnavailable = OperationalError
# Opens one short transaction; for services with slow operations between several.
UnitOfWork = Callable[[], AbstractContextManager[Session]]


class Base(DeclarativeBase):
    """Every model of the domain; constraints get names so that migrations can name them."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def web_engine_options(pool_size: int = 10) -> dict[str, object]:
    """Return the engine options of one pool of the web process, which may double for a peak.

    A request waits shortly for a lock and for a connection, then it is answered with 503: those
    that wait for one locked table must not take all connections and threads from the others.
    """
    options = engine_options(pool_size)
    locks = f"-c lock_timeout={round(1000 * WEB_WAIT_SECONDS)}"
    return options | {
        "max_overflow": pool_size,
        "pool_timeout": WEB_WAIT_SECONDS,
        "connect_args": {"options": f"{CONNECT_OPTIONS} {locks}", "connect_timeout": 5},
    }


def engine_options(pool_size: int = 5) -> dict[str, object]:
    """Return the engine options that the web process and the workers share."""
    return {
        "pool_size": pool_size,
        "pool_pre_ping": True,
        # The text of an error goes to logs and reports; what people wrote does not.
        "hide_parameters": True,
        "connect_args": {"options": CONNECT_OPTIONS, "connect_timeout": 5},
    }


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Return this process's engine; made on first use, so after a prefork child has forked."""
    return create_engine(settings().database_url, **engine_options())


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
