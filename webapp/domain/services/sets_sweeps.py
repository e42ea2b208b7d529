"""Sweeps of Sets: cancel abandoned jobs, purge expired jobs and unused anonymous accounts.

An anonymous account is unused if its last token has expired. Its data is deleted, except the rows
that credit entries reference.
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
# `seen_at` may be a day old; a token issued at the last use has expired after this time, too.
UNUSED = sets_tokens.LIFETIME + sets_tokens.LEEWAY + SEEN_AGAIN
# `seen_at` of a purged account, so that later sweeps skip it.
PURGED_SEEN_AT = datetime(1970, 1, 1, tzinfo=UTC)
# statement_timestamp() is stable and can use an index; clock_timestamp() is volatile and cannot.
NOW = func.statement_timestamp()


@dataclass(frozen=True)
class Swept:
    """How many jobs were canceled, how many jobs purged, and how many accounts purged."""

    canceled: int
    purged: int
    accounts: int


def sweep(unit_of_work: UnitOfWork) -> Swept:
    """Cancel abandoned jobs, purge expired jobs and unused accounts, in small transactions."""
    return Swept(
        canceled=_all(unit_of_work, cancel_forgotten, JOBS_AT_ONCE),
        purged=_all(unit_of_work, purge_expired, JOBS_AT_ONCE),
        accounts=_all(unit_of_work, purge_unused_accounts, ACCOUNTS_AT_ONCE),
    )


def _all(unit_of_work: UnitOfWork, sweep_some: Callable[..., int], limit: int) -> int:
    total, count = 0, limit
    while count == limit:
        with unit_of_work() as session:
            count = sweep_some(session, limit=limit)
        total += count
    return total


def cancel_forgotten(session: Session, *, limit: int) -> int:
    """Cancel jobs that nobody confirmed or executed in time; return how many.

    Their credits are returned. Locked jobs are skipped.
    """
    not_executed = (SetsJobStatus.CREATED.value, SetsJobStatus.UPLOADED.value)
    abandoned = session.scalars(
        select(SetsJob)
        .where(SetsJob.status.in_(not_executed), _is_abandoned())
        .order_by(SetsJob.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for job in abandoned:
        sets_jobs.cancel_locked(session, job)
    return len(abandoned)


def purge_expired(session: Session, *, limit: int) -> int:
    """Purge ended jobs past their expiry time; return how many."""
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
    """Purge anonymous accounts that were not used for a month nor adopted; return how many.

    Photos, results, rules and texts are deleted, as when a user closes an account. The rows of
    account, jobs and photos stay, because credit entries reference them. Accounts with an
    unfinished job are skipped.
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


def _is_abandoned() -> ColumnElement[bool]:
    """Return the condition that a job has not been confirmed or executed in time."""
    is_created = SetsJob.status == SetsJobStatus.CREATED
    return (SetsJob.updated_at < NOW - UNEXECUTED) | (
        is_created & (SetsJob.updated_at < NOW - UNCONFIRMED)
    )
