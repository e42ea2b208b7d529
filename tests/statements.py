"""Count the statements that reach the database, and see their plans."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session


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
    seen: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    connection.exec_driver_sql("SET LOCAL enable_sort = off")
    lines = [
        line
        for statement, parameters in seen
        for line in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
    ]
    return "\n".join(lines)
