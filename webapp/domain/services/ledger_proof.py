"""The full proof of the ledger: a pass over all rows in pieces, over several runs."""

import time
from collections import Counter
from collections.abc import Iterator

from sqlalchemy.orm import Session

from webapp.domain.db import UnitOfWork
from webapp.domain.models.documents import PassPosition
from webapp.domain.services import heartbeats, ledger_check, task_cursors
from webapp.domain.services.ledger_check import Position, Violation
from webapp.domain.services.ledger_seals import ALTERED

CURSOR = "prove_ledger"


def prove(unit_of_work: UnitOfWork) -> Iterator[list[Violation]]:
    """Prove everything at once; yield what each piece finds. Nothing is stored."""
    position: Position | None = Position()
    while position is not None:
        with unit_of_work() as session:
            found, position = ledger_check.check_piece(session, position)
        yield found


def prove_on(unit_of_work: UnitOfWork, *, seconds: float) -> tuple[list[Violation], bool]:
    """Continue the pass of this night, or begin one; return what is found, and if it is complete.

    The counts of all its runs are stored as a heartbeat when the pass is complete, or at once when
    something is found.
    """
    with unit_of_work() as session:
        stored = task_cursors.resume(session, CURSOR, apart=task_cursors.NIGHTLY)
    if stored is None:
        return [], True
    first = Position()
    position: Position | None = Position(
        stored.get("part", first.table), stored.get("after", first.after)
    )
    counts = Counter(stored.get("counts", {}))
    found: list[Violation] = []
    until = time.monotonic() + seconds
    while position is not None:
        with unit_of_work() as session:
            violations, position = ledger_check.check_piece(session, position)
        found += violations
        counts.update(violation.invariant for violation in violations)
        with unit_of_work() as session:
            _store(session, position, counts, is_news=bool(violations))
        if time.monotonic() >= until:
            break
    return found, position is None


def _store(
    session: Session, position: Position | None, counts: Counter[str], *, is_news: bool
) -> None:
    if position is None:
        task_cursors.save(session, CURSOR, None)
    else:
        stored = PassPosition(part=position.table, after=position.after, counts=dict(counts))
        task_cursors.save(session, CURSOR, stored)
    if position is None or is_news:
        names = [ALTERED, *(each.name for each in ledger_check.OF_ROWS)]
        heartbeats.beat(session, heartbeats.FULL_PROOF, {name: counts[name] for name in names})
