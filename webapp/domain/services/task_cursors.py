"""Cursors of tasks that go through everything in pieces: a run continues where the last ended."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.models.task_cursor import TaskCursor


def position(session: Session, name: str) -> dict[str, Any] | None:
    """Return where the current pass of a task is; None if the next run begins a new pass."""
    return session.scalar(select(TaskCursor.position).where(TaskCursor.name == name))


def save(session: Session, name: str, position: dict[str, Any]) -> None:
    """Store where the pass is."""
    session.execute(
        insert(TaskCursor)
        .values(name=name, position=position)
        .on_conflict_do_update(index_elements=[TaskCursor.name], set_={"position": position})
    )


def complete(session: Session, name: str) -> None:
    """End the pass."""
    session.execute(delete(TaskCursor).where(TaskCursor.name == name))
