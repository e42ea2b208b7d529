"""Counters on rows, counted again: each must be the number of rows it stands for.

They move in the same commit as what they count, so they are only wrong after a defect or a repair
by hand. What is found is put right and told.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

BATCH = 1000


@dataclass(frozen=True)
class Counter:
    """A column and the subquery that counts what it stands for, for the row `id`."""

    table: str
    column: str
    truth: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


COUNTERS = (
    Counter(
        "styles",
        "usage_count",
        "SELECT count(*) FROM generations WHERE style_id = counted.id AND status = 'completed'",
    ),
    Counter(
        "generations",
        "like_count",
        "SELECT count(*) FROM likes WHERE generation_id = counted.id",
    ),
    Counter(
        "generations",
        "comment_count",
        "SELECT count(*) FROM comments WHERE generation_id = counted.id",
    ),
    Counter(
        "comments",
        "reply_count",
        "SELECT count(*) FROM comments AS replies WHERE replies.parent_id = counted.id",
    ),
    Counter(
        "users", "follower_count", "SELECT count(*) FROM follows WHERE followed_id = counted.id"
    ),
)


@dataclass(frozen=True)
class Repair:
    """One counter that was wrong."""

    id: int
    was: int
    now: int


def recount(
    session: Session, counter: Counter, *, after: int = 0, limit: int = BATCH
) -> tuple[list[Repair], int | None]:
    """Put the next rows right; return what was wrong, and the last id, None after the last row.

    One statement sees one moment: a row and its counter, which move together, agree in it. A row
    that disagrees is locked and counted anew before it is changed, because whoever likes just now
    either has committed by then, or waits for the lock and adds to the counter that we leave.
    """
    last, suspects = session.execute(
        text(f"""
            SELECT max(id), array_agg(id ORDER BY id) FILTER (WHERE {counter.column} <> truth)
            FROM (SELECT id, {counter.column}, ({counter.truth}) AS truth
                  FROM {counter.table} AS counted WHERE id > :after ORDER BY id LIMIT :limit
            ) AS batch"""),
        {"after": after, "limit": limit},
    ).one()
    return (_repair(session, counter, suspects) if suspects else []), last


def _repair(session: Session, counter: Counter, suspects: list[int]) -> list[Repair]:
    locked = session.execute(
        text(f"""
            SELECT id, {counter.column} AS was FROM {counter.table}
            WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"""),
        {"ids": suspects},
    ).all()
    repaired = session.execute(
        text(f"""
            UPDATE {counter.table} AS counted SET {counter.column} = ({counter.truth})
            WHERE id = ANY(:ids) AND {counter.column} <> ({counter.truth})
            RETURNING id, {counter.column} AS now"""),
        {"ids": suspects},
    ).all()
    now = {row.id: row.now for row in repaired}
    return [Repair(row.id, row.was, now[row.id]) for row in locked if row.id in now]
