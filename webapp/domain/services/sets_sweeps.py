"""What time does to jobs and accounts of Sets.

Forgotten jobs are canceled and the files of old ones go. An anonymous account that nobody can open
any more loses all but what the ledger of credits needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from webapp.domain import sets_tokens
from webapp.domain.db import UnitOfWork
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.services import sets_jobs, sets_leaving
from webapp.domain.services.sets_accounts import ACTIVE, SEEN_AGAIN
from webapp.domain.services.sets_purging import ENDED, purge

UNCONFIRMED, UNEXECUTED = timedelta(hours=1), timedelta(hours=24)
JOBS_AT_ONCE = 20  # with up to 200 photos each
ACCOUNTS_AT_ONCE = 20
# `seen_at` is up to a day behind. A token issued at the last use has expired by then, too.
UNUSED = sets_tokens.LIFETIME + sets_tokens.LEEWAY + SEEN_AGAIN
# `seen_at` of an account that was purged, so that no sweep reads its row again.
PURGED_SEEN_AT = datetime(1970, 1, 1, tzinfo=UTC)
# Of the statement: no index can be asked for a clock that goes on while rows are read.
NOW = func.statement_timestamp()


@dataclass(frozen=True)
class Swept:
    """How many jobs were canceled, of how many the files were let go, how many accounts purged."""

    canceled: int
    purged: int
    accounts: int


def sweep(unit_of_work: UnitOfWork) -> Swept:
    """Cancel all forgotten jobs, purge all expired jobs and unused accounts, a few at a time."""
    return Swept(
        canceled=_all(unit_of_work, cancel_forgotten, JOBS_AT_ONCE),
        purged=_all(unit_of_work, purge_expired, JOBS_AT_ONCE),
        accounts=_all(unit_of_work, purge_unused_accounts, ACCOUNTS_AT_ONCE),
    )


def _all(unit_of_work: UnitOfWork, sweep_some: Callable[..., int], limit: int) -> int:
    count, gone = 0, limit
    while gone == limit:
        with unit_of_work() as session:
            gone = sweep_some(session, limit=limit)
        count += gone
    return count


def cancel_forgotten(session: Session, *, limit: int) -> int:
    """Cancel jobs that nobody confirmed or executed in time; return how many.

    Credits come back. Whoever works on a job at this moment keeps it.
    """
    waiting = (SetsJobStatus.CREATED.value, SetsJobStatus.UPLOADED.value)
    forgotten = session.scalars(
        select(SetsJob)
        .where(SetsJob.status.in_(waiting), _is_forgotten())
        .order_by(SetsJob.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for job in forgotten:
        sets_jobs.cancel_locked(session, job)
    return len(forgotten)


def purge_expired(session: Session, *, limit: int) -> int:
    """Let go of the files of jobs that have ended and are past their time; return how many jobs."""
    expired = session.scalars(
        select(SetsJob.id)
        .where(SetsJob.purged_at.is_(None), SetsJob.expires_at < NOW, SetsJob.status.in_(ENDED))
        .order_by(SetsJob.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    purge(session, expired)
    return len(expired)


def purge_unused_accounts(session: Session, *, limit: int) -> int:
    """Purge anonymous accounts that nobody used for a month or adopted; return how many.

    Photos, results, rules and words go, as when a person leaves. The rows of account, jobs and
    photos stay: entries of credits name them and are never deleted. An account with an unfinished
    job waits for its end.
    """
    unfinished = (
        select(SetsJob.id)
        .where(SetsJob.account_id == SetsAccount.id, SetsJob.status.in_(ACTIVE))
        .exists()
    )
    account_ids = session.scalars(
        select(SetsAccount.id)
        .where(
            SetsAccount.user_id.is_(None),
            SetsAccount.adopted_by_id.is_(None),
            SetsAccount.seen_at > PURGED_SEEN_AT,
            SetsAccount.seen_at < NOW - UNUSED,
            ~unfinished,
        )
        .order_by(SetsAccount.seen_at)
        .limit(limit)
        .with_for_update(of=SetsAccount, skip_locked=True)
    ).all()
    if not account_ids:
        return 0
    sets_leaving.delete_all_of(session, account_ids)
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id.in_(account_ids))
        .values(seen_at=PURGED_SEEN_AT)
        .execution_options(synchronize_session="fetch")
    )
    return len(account_ids)


def _is_forgotten() -> ColumnElement[bool]:
    """Return the condition of a job that has waited too long for its person."""
    is_created = SetsJob.status == SetsJobStatus.CREATED
    return (SetsJob.updated_at < NOW - UNEXECUTED) | (
        is_created & (SetsJob.updated_at < NOW - UNCONFIRMED)
    )
