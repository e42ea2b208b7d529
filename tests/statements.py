"""Count the statements that reach the database, and see their plans."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session

Sent = tuple[str, Any]


@contextmanager
def caught(target: Connection | type[Engine]) -> Iterator[list[Sent]]:
    """Collect what a connection, or every engine, sends to the database, with its parameters."""
    sent: list[Sent] = []

    def catch(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(target, "before_cursor_execute", catch)
    try:
        yield sent
    finally:
        event.remove(target, "before_cursor_execute", catch)


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """Collect the SQL that a session's connection executes, without savepoints."""
    session.flush()
    connection = session.connection()
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        if "SAVEPOINT" not in statement:
            seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(connection, "before_cursor_execute", note)


def plan_of(session: Session, call: Callable[[], object]) -> str:
    """Return how PostgreSQL would answer the statements of a call if its tables were large."""
    session.flush()
    connection = session.connection()
    with caught(connection) as sent:
        call()
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    connection.exec_driver_sql("SET LOCAL enable_sort = off")
    lines = [
        line
        for statement, parameters in sent
        for line in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
    ]
    return "\n".join(lines)
