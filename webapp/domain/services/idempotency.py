"""A retried POST is one POST: the answer is stored in the transaction of the POST."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg2.errors import LockNotAvailable, QueryCanceled
from pydantic import JsonValue
from sqlalchemy import ColumnElement, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.domain.errors import IdempotencyConflict
from webapp.domain.models.idempotency import IdempotencyKey, SetsIdempotencyKey
from webapp.domain.pieces import is_among

KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """What the route answers, and whether it is the stored answer of an earlier request."""

    response: dict[str, JsonValue]
    replayed: bool


@dataclass(frozen=True)
class KeyOwner:
    """Whose keys these are: a user's, or an account's of Sets."""

    table: type[IdempotencyKey] | type[SetsIdempotencyKey]
    column: str
    id: int

    @classmethod
    def user(cls, user_id: int) -> "KeyOwner":
        """Return the owner of a user's keys."""
        return cls(IdempotencyKey, "user_id", user_id)

    @classmethod
    def sets_account(cls, account_id: int) -> "KeyOwner":
        """Return the owner of the keys of an account of Sets."""
        return cls(SetsIdempotencyKey, "account_id", account_id)


def run_once(
    session: Session,
    *,
    owner: KeyOwner,
    route: str,
    key: str | None,
    body_sha256: str,
    run: Callable[[], dict[str, JsonValue]],
) -> Answer:
    """Run a POST, or return the stored answer of the same POST.

    The key's row is claimed first, so a parallel twin waits for this transaction and then finds
    the answer; a failed run rolls the claim back, so a refused request is not stored.
    Raises IdempotencyConflict when the key belongs to another body, or its twin does not end.
    """
    if key is None:
        return Answer(run(), replayed=False)
    table = owner.table
    same_key = _same_key(owner, route, key)
    session.execute(
        delete(table).where(*same_key, table.created_at < func.clock_timestamp() - KEPT)
    )
    claim = (
        insert(table)
        .values(**{owner.column: owner.id}, route=route, key=key, body_sha256=body_sha256)
        .on_conflict_do_nothing()
        .returning(table.key)
    )
    try:
        claimed = session.execute(claim).first()
    except OperationalError as error:
        # Its twin takes longer than a statement may, or longer than a request waits for a lock.
        if isinstance(error.orig, QueryCanceled | LockNotAvailable):
            raise IdempotencyConflict(reason="in_progress") from None
        raise
    if claimed is None:
        stored: Any = session.scalars(select(table).where(*same_key)).one()
        return _replay(stored, body_sha256)
    response = run()
    session.execute(update(table).where(*same_key).values(response=response))
    return Answer(response, replayed=False)


def stored_answer(
    session: Session, *, owner: KeyOwner, route: str, key: str | None, body_sha256: str
) -> Answer | None:
    """Return the answer that is stored for the same POST, or None where none is yet.

    Raises IdempotencyConflict when the key belongs to another body.
    """
    if key is None:
        return None
    is_fresh = owner.table.created_at >= func.clock_timestamp() - KEPT
    stored: Any = session.scalar(select(owner.table).where(*_same_key(owner, route, key), is_fresh))
    return None if stored is None else _replay(stored, body_sha256)


def _same_key(owner: KeyOwner, route: str, key: str) -> tuple[ColumnElement[bool], ...]:
    table = owner.table
    return getattr(table, owner.column) == owner.id, table.route == route, table.key == key


def _replay(stored: IdempotencyKey | SetsIdempotencyKey, body_sha256: str) -> Answer:
    if stored.body_sha256 != body_sha256:
        raise IdempotencyConflict(reason="body_mismatch")
    if stored.response is None:
        raise IdempotencyConflict(reason="in_progress")
    return Answer(stored.response, replayed=True)


def purge(session: Session, *, limit: int) -> int:
    """Delete at most `limit` keys older than a day, of each table; return how many."""
    count = 0
    # Where a row is stored; it does not change while the row is locked.
    row: ColumnElement[str] = literal_column("ctid")
    for table in (IdempotencyKey, SetsIdempotencyKey):
        old = (
            select(row)
            .select_from(table)
            .where(table.created_at < func.statement_timestamp() - KEPT)
            .order_by(table.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        deleted = session.execute(delete(table).where(is_among(row, old)).returning(table.key))
        count += len(deleted.all())
    return count
