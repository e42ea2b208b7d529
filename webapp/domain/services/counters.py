"""Recounts the counter columns: each must equal the number of rows that it counts.

A counter is updated in the same transaction as the rows, so it is only wrong after a bug or a
manual change of the database. Wrong counters are corrected and returned.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.domain.db import UnitOfWork
from webapp.domain.models.documents import PassPosition
from webapp.domain.services import task_cursors

CURSOR = "recount_counters"
BATCH = 1000
TAG_BATCH = 1  # one popular tag alone has hundreds of thousands of images


VISIBLE_WITH_TAG = (
    "FROM generations WHERE is_public AND NOT is_flagged AND prompt_tags @> ARRAY[counted.name]"
)


@dataclass(frozen=True)
class Counter:
    """A counter column, the subquery of its true value, and how many rows to check at once."""

    table: str
    column: str
    truth: str
    batch: int = BATCH

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


COUNTERS = (
    Counter(
        "styles",
        "usage_count",
        "SELECT count(*) FROM generations"
        " WHERE style_id = counted.id AND status = 'completed' AND price_tokens > 0",
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
    Counter(
        "tags",
        "style_count",
        "SELECT count(*) FROM styles"
        " WHERE training_status = 'completed' AND tags @> ARRAY[counted.name]",
        batch=TAG_BATCH,
    ),
    Counter("tags", "image_count", f"SELECT count(*) {VISIBLE_WITH_TAG}", batch=TAG_BATCH),
    Counter(
        "tags", "user_count", f"SELECT count(DISTINCT user_id) {VISIBLE_WITH_TAG}", batch=TAG_BATCH
    ),
)


@dataclass(frozen=True)
class Repair:
    """One corrected counter, with its old and its new value."""

    id: int
    was: int
    now: int


def recount_on(
    unit_of_work: UnitOfWork, *, seconds: float
) -> Iterator[tuple[Counter, list[Repair]]]:
    """Continue the pass over all counters until the time is up; yield each batch with repairs."""
    with unit_of_work() as session:
        position = task_cursors.resume(session, CURSOR, apart=task_cursors.NIGHTLY)
    until = time.monotonic() + seconds
    while position is not None:
        counter = next(
            (each for each in COUNTERS if str(each) == position.get("part")), COUNTERS[0]
        )
        with unit_of_work() as session:
            repairs, last = recount(session, counter, after=position.get("after", 0))
            position = _following(counter, last)
            task_cursors.save(session, CURSOR, position)
        if repairs:
            yield counter, repairs
        if time.monotonic() >= until:
            return


def _following(counter: Counter, last: int | None) -> PassPosition | None:
    if last is not None:
        return PassPosition(part=str(counter), after=last)
    number = COUNTERS.index(counter) + 1
    return PassPosition(part=str(COUNTERS[number])) if number < len(COUNTERS) else None


def recount(
    session: Session, counter: Counter, *, after: int = 0, limit: int | None = None
) -> tuple[list[Repair], int | None]:
    """Correct the counters of the next rows; return the repairs and the last id.

    The id is None after the last row. One statement has one snapshot, in which counted rows and
    counter agree. A row that disagrees is locked and counted again before it is changed: a
    concurrent transaction has then committed, or waits for the lock and changes the new value.
    """
    last, suspects = session.execute(
        text(f"""
            SELECT max(id), array_agg(id ORDER BY id) FILTER (WHERE {counter.column} <> truth)
            FROM (SELECT id, {counter.column}, ({counter.truth}) AS truth
                  FROM {counter.table} AS counted WHERE id > :after ORDER BY id LIMIT :limit
            ) AS batch"""),
        {"after": after, "limit": limit or counter.batch},
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
            WITH recounted AS MATERIALIZED (
                SELECT id, ({counter.truth}) AS truth
                FROM {counter.table} AS counted WHERE id = ANY(:ids))
            UPDATE {counter.table} AS wrong SET {counter.column} = truth
            FROM recounted WHERE wrong.id = recounted.id AND {counter.column} <> truth
            RETURNING wrong.id, truth AS now"""),
        {"ids": suspects},
    ).all()
    now = {row.id: row.now for row in repaired}
    return [Repair(row.id, row.was, now[row.id]) for row in locked if row.id in now]
