"""Checks the invariants of tokens and credits, in tests and in production.

`check` proves the open period of the ledger with everything in it, in one snapshot, every five
minutes. `check_piece` proves everything again, sealed periods included, piece by piece at night.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.domain.services import ledger_seals
from webapp.domain.services.ledger_invariants import (
    NAMED_PAYOUT,
    OF_PAYOUTS,
    OF_TOKENS,
    OPEN_BALANCES,
    UNFINISHED,
    Invariant,
    of_sums,
)
from webapp.domain.services.ledger_seals import ALTERED, LOWEST_ID, SEAL_ROWS
from webapp.domain.services.sets_ledger_check import OF_CREDITS

OF_ROWS: tuple[Invariant, ...] = (*OF_TOKENS, *OF_CREDITS)
# Each over all rows. A full query returns the rows that break its invariant, as one text column.
INVARIANTS: dict[str, str] = of_sums(LOWEST_ID) | {each.name: each.over("true") for each in OF_ROWS}
BALANCES = OF_TOKENS[0].name
SEALS = "ledger_seals"
# How many rows of each table one piece of the full proof reads, the tables in this order.
# An account may have a million transfers, which I2 adds up.
PIECES = (
    {SEALS: 1}
    | dict.fromkeys((each.rows for each in OF_ROWS), 10_000)
    | {"accounts": 1_000, "transfers": SEAL_ROWS}
)
STATEMENT_TIMEOUT = "120s"  # a worker waits for it, not a person

# Jobs of Sets have no seals: the unfinished and the latest are looked at every five minutes.
_SETS_JOBS = """(
    SELECT id FROM sets_jobs WHERE status IN ('created', 'uploaded', 'queued', 'running')
    UNION (SELECT id FROM sets_jobs ORDER BY id DESC LIMIT 200))"""
_SETS_PHOTOS = f"(SELECT id FROM sets_photos WHERE job_id IN {_SETS_JOBS})"
# What may have changed since the last seal; an order ends within two hours.
OPEN = {
    "accounts": "true",
    "generations": f"""generations.id IN (
        SELECT id FROM generations
        WHERE deleted_at IS NULL
          AND created_at >= CAST(:since AS timestamptz) - interval '2 hours'
        UNION SELECT id FROM generations WHERE status IN {UNFINISHED}
        UNION SELECT generation_id FROM transfers
              WHERE id > :sealed AND generation_id IS NOT NULL)""",
    "purchases": """purchases.id IN (
        SELECT id FROM purchases WHERE approved_at >= :since
        UNION SELECT id FROM purchases WHERE refunded_at >= :since
        UNION SELECT purchase_id FROM transfers WHERE id > :sealed AND purchase_id IS NOT NULL)""",
    "payout_requests": f"""payout_requests.id IN (
        SELECT id FROM payout_requests WHERE status = 'requested'
        UNION SELECT id FROM payout_requests WHERE ended_at >= :since
        UNION SELECT id FROM payout_requests WHERE returned_at >= :since
        UNION SELECT {NAMED_PAYOUT} FROM transfers
              WHERE id > :sealed AND kind IN {OF_PAYOUTS})""",
    "transfers": "transfers.id > :sealed",
    "sets_accounts": f"""sets_accounts.id IN (
        SELECT account_id FROM sets_jobs WHERE id IN {_SETS_JOBS}
        UNION SELECT account_id
              FROM (SELECT account_id FROM sets_credit_entries ORDER BY id DESC LIMIT 5000)
                   AS latest)""",
    "sets_jobs": f"sets_jobs.id IN {_SETS_JOBS}",
    "sets_photos": f"sets_photos.id IN {_SETS_PHOTOS}",
    "sets_edits": f"sets_edits.photo_id IN {_SETS_PHOTOS}",
}


@dataclass(frozen=True)
class Violation:
    """One violated invariant, with a description of the row."""

    invariant: str
    finding: str


@dataclass(frozen=True)
class Position:
    """Where the full proof is: the table, and the last id that was read."""

    table: str = SEALS
    after: int = LOWEST_ID


def check(session: Session) -> list[Violation]:
    """Return every violation of an invariant in the open period; none if the list is empty.

    Balances are compared for all accounts. Without a seal everything is open.
    """
    _begin(session)
    period = ledger_seals.open_period(session)
    if period.since is None:
        return _found(session, INVARIANTS, {})
    queries = of_sums(period.sealed_id) | {
        each.name: each.over(OPEN[each.rows]) for each in OF_ROWS
    }
    queries[BALANCES] = OPEN_BALANCES
    return _found(session, queries, {"sealed": period.sealed_id, "since": period.since})


def check_piece(session: Session, position: Position) -> tuple[list[Violation], Position | None]:
    """Prove the rows after a position, sealed or not; return what is found and where to go on.

    The position is None after the last piece. Transfers of a seal are hashed again.
    """
    _begin(session)
    table, after = position.table, position.after
    if table == SEALS:
        findings, seal_id = ledger_seals.altered(session, after)
        found = [Violation(ALTERED, finding) for finding in findings]
        return found, _following(table) if seal_id is None else Position(table, seal_id)
    until = session.scalar(
        text(f"""SELECT max(id) FROM (SELECT id FROM {table} WHERE id > :after
                                      ORDER BY id LIMIT :rows) AS piece"""),
        {"after": after, "rows": PIECES[table]},
    )
    if until is None:
        return [], _following(table)
    chosen = f"{table}.id > :after AND {table}.id <= :until"
    queries = {each.name: each.over(chosen) for each in OF_ROWS if each.rows == table}
    found = _found(session, queries, {"after": after, "until": until})
    return found, Position(table, until)


def _begin(session: Session) -> None:
    # All queries need one snapshot; otherwise concurrent transactions would look like violations.
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    session.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))


def _found(session: Session, queries: dict[str, str], values: dict[str, object]) -> list[Violation]:
    return [
        Violation(name, finding)
        for name, query in queries.items()
        for finding in session.scalars(text(query), values)
    ]


def _following(table: str) -> Position | None:
    tables = list(PIECES)
    following = tables.index(table) + 1
    return Position(tables[following]) if following < len(tables) else None
