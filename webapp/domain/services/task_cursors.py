"""Cursors of tasks that go through everything in pieces: a run continues where the last ended."""

from datetime import timedelta

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.models.documents import PassPosition
from webapp.domain.models.task_cursor import TaskCursor

NIGHTLY = timedelta(hours=12)
"""So that after a complete pass no new one begins within the same night."""

COMPLETE = PassPosition(is_complete=True)


def resume(session: Session, name: str, *, apart: timedelta = timedelta(0)) -> PassPosition | None:
    """Return where the pass of a task is; empty for a new pass, which begins now.

    None when the last pass is complete and began less than `apart` ago.
    """
    cursor = session.get(TaskCursor, name, populate_existing=True)
    if cursor is not None and cursor.position != COMPLETE:
        return cursor.position
    now = func.clock_timestamp()
    begun = session.scalar(
        insert(TaskCursor)
        .values(name=name, position={})
        .on_conflict_do_update(
            index_elements=[TaskCursor.name],
            set_={"position": {}, "begun_at": now},
            where=TaskCursor.begun_at <= now - apart,
        )
        .returning(TaskCursor.name)
    )
    return None if begun is None else PassPosition()


def save(session: Session, name: str, position: PassPosition | None) -> None:
    """Store where the pass is; None when it is complete."""
    session.execute(
        update(TaskCursor)
        .where(TaskCursor.name == name)
        .values(position=COMPLETE if position is None else position)
    )
