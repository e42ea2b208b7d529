"""Seals of the ledger: closed periods of transfers, with their sums and a chain of hashes.

A sealed transfer is not read again by the check of every five minutes: its period has been proved
before, and the full proof computes the hash of its rows again.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.domain.models.ledger_seal import LedgerSeal

SEAL_ROWS = 50_000  # some seconds of work for the full proof, and 10 MB while it hashes
LOWEST_ID = -(2**63) + 1  # as a literal of the type bigint
NO_CHAIN = "0" * 64
ALTERED = "sealed periods are unchanged"
_LOCK = 20_210_021  # of all who seal

# Unambiguous whatever the texts contain: the output of a row quotes them. Times do not depend on
# the time zone of the session.
_ROWS = """
    period AS MATERIALIZED (
        SELECT id, kind, amount, created_at,
               ROW(id, debit_account_id, credit_account_id, amount, kind, generation_id,
                   purchase_id, idempotency_key, debit_balance_after, credit_balance_after,
                   extract(epoch FROM created_at))::text AS content
        FROM transfers WHERE id > :after_id AND id <= :until_id)"""
_CONTENT = f"""
    WITH {_ROWS}
    SELECT count(*) AS transfer_count,
           max(created_at) AS last_transfer_at,
           encode(sha256(convert_to(CAST(:chain AS text) || coalesce(
               string_agg(content, '' ORDER BY id), ''), 'UTF8')), 'hex') AS chain_sha256,
           (SELECT coalesce(jsonb_object_agg(kind, total), '{{}}')
            FROM (SELECT kind, sum(amount) AS total FROM period GROUP BY kind) AS kinds) AS sums
    FROM period"""
# A transfer with a lower id than a committed one may not be committed yet. So nothing younger than
# the oldest open transaction is sealed. (Transactions of other roles show no `xact_start`.)
_NEXT = """
    SELECT max(id) AS until_id, count(*) AS transfer_count,
           min(created_at) < clock_timestamp() - interval '1 day' AS is_old
    FROM (SELECT id, created_at FROM transfers WHERE id > :after_id ORDER BY id LIMIT :most) AS next
    WHERE created_at < least(
        clock_timestamp() - interval '1 hour',
        (SELECT min(xact_start) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()))"""
_ADD_TO_BALANCES = """
    INSERT INTO ledger_sealed_balances AS sealed (account_id, balance)
    SELECT account, sum(movement)
    FROM (SELECT credit_account_id AS account, amount AS movement FROM transfers
          WHERE id > :after_id AND id <= :until_id
          UNION ALL
          SELECT debit_account_id, -amount FROM transfers
          WHERE id > :after_id AND id <= :until_id) AS movements
    GROUP BY account
    ON CONFLICT (account_id) DO UPDATE SET balance = sealed.balance + excluded.balance"""


@dataclass(frozen=True)
class OpenPeriod:
    """The transfers after the last seal; without a seal all are open and `since` is None."""

    sealed_id: int
    since: datetime | None


def open_period(session: Session) -> OpenPeriod:
    """Return what is not sealed."""
    last = _last(session)
    if last is None:
        return OpenPeriod(LOWEST_ID, None)
    return OpenPeriod(last.until_id, last.last_transfer_at)


def seal_next(session: Session) -> LedgerSeal | None:
    """Seal the oldest open transfers, in a transaction of its own; None if there are too few.

    The caller has proved the open period. A seal has SEAL_ROWS transfers, or those of a day.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}):
        return None
    last = _last(session)
    after_id = LOWEST_ID if last is None else last.until_id
    found = session.execute(text(_NEXT), {"after_id": after_id, "most": SEAL_ROWS}).one()
    if found.until_id is None or not (found.is_old or found.transfer_count == SEAL_ROWS):
        return None
    period = {"after_id": after_id, "until_id": found.until_id}
    chain = NO_CHAIN if last is None else last.chain_sha256
    content = session.execute(text(_CONTENT), period | {"chain": chain}).mappings()
    seal = LedgerSeal(**period, **content.one())
    session.add(seal)
    session.execute(text(_ADD_TO_BALANCES), period)
    session.flush()
    return seal


def altered(session: Session, after: int) -> tuple[list[str], int | None]:
    """Compare the next seal with its transfers; return what differs, and the id of the seal.

    The id is None after the last seal.
    """
    seal = session.query(LedgerSeal).filter(LedgerSeal.id > after).order_by(LedgerSeal.id).first()
    if seal is None:
        return [], None
    before = (
        session.query(LedgerSeal)
        .filter(LedgerSeal.id < seal.id)
        .order_by(LedgerSeal.id.desc())
        .first()
    )
    values = {
        "after_id": seal.after_id,
        "until_id": seal.until_id,
        "chain": NO_CHAIN if before is None else before.chain_sha256,
    }
    content = session.execute(text(_CONTENT), values).mappings().one()
    findings = [
        f"seal {seal.id} has {name} {getattr(seal, name)}, its transfers have {now}"
        for name, now in content.items()
        if now != getattr(seal, name)
    ]
    if seal.after_id != (LOWEST_ID if before is None else before.until_id):
        findings.append(f"seal {seal.id} does not begin where the seal before it ends")
    return findings, seal.id


def _last(session: Session) -> LedgerSeal | None:
    return session.query(LedgerSeal).order_by(LedgerSeal.until_id.desc()).limit(1).first()
