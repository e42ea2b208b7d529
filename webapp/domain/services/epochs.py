"""Epochs: after a restore no number of the time before it is given a second time.

A restored database has forgotten what happened after its dump, but workers, browsers and caches
have not: they hold ids and fences that it would give again, for other rows. So a restore begins an
epoch: all ids and fences continue at numbers that were never reached before. These are computed
from the clock, not from the rows, because the same dump may be restored twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import Session

from webapp.domain.jobs import NOW
from webapp.domain.models.account import SignIn
from webapp.domain.models.api_key import ApiKey
from webapp.domain.models.epoch import Epoch
from webapp.domain.models.job import Job, JobState

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
# A restore continues ids at the seconds since ORIGIN times this, and fences at these seconds:
# sound while no table gets more than a thousand rows, and no job more than one claim, per second.
IDS_PER_SECOND = 1000
_LOCK = 20_260_023  # of all who begin an epoch
# A dump that is restored gets another OID, another server has another identifier, and a recovery to
# a point in time, or a promoted replica, has another timeline.
_PLACE = text("""
    SELECT (SELECT system_identifier FROM pg_control_system())
           || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
           || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())""")
_HIGHEST = text("SELECT max(last_value) FROM pg_sequences WHERE schemaname = current_schema()")
_RAISE = text("""
    SELECT count(setval(format('%I.%I', schemaname, sequencename)::regclass, :first_id, false))
    FROM pg_sequences WHERE schemaname = current_schema()""")


class EpochTooEarly(Exception):
    """The clock is behind the numbers that were given; the message names both."""


@dataclass(frozen=True)
class Beginning:
    """The first id and fence of an epoch; how many leases, sign-ins and API keys were ended."""

    first_id: int
    first_fence: int
    leases: int
    sign_ins: int
    api_keys: int


def begin_if_moved(session: Session) -> Beginning | None:
    """Begin an epoch if the database runs at another place than before; None if it does not.

    In a database without any epoch, the first one is recorded and nothing is changed.
    """
    place = _locked_place(session)
    last = session.scalar(select(Epoch.place).order_by(Epoch.id.desc()).limit(1))
    if last is None:
        session.add(Epoch(place=place))
        session.flush()
    return None if last in {None, place} else _begin(session, place)


def begin(session: Session) -> Beginning:
    """Begin an epoch, whatever the place: the database was restored. Raises EpochTooEarly."""
    return _begin(session, _locked_place(session))


def is_of_earlier_epoch(session: Session, job: Job) -> bool:
    """Return whether a job was ordered before the last restore."""
    query = select(func.max(Epoch.began_at)).where(Epoch.first_fence > 0)
    restored_at = session.scalar(query)
    return restored_at is not None and job.created_at < restored_at


def _locked_place(session: Session) -> str:
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    place: str = session.execute(_PLACE).scalar_one()
    return place


def _begin(session: Session, place: str) -> Beginning:
    now: datetime = session.execute(select(NOW)).scalar_one()
    first_fence = int((now - ORIGIN).total_seconds())
    first_id = first_fence * IDS_PER_SECOND
    _check_clock(session, first_id, first_fence)
    session.execute(_RAISE, {"first_id": first_id})
    session.add(Epoch(place=place, first_fence=first_fence))
    leases = session.execute(
        update(Job)
        .where(Job.state == JobState.RUNNING)
        .values(state=JobState.QUEUED, run_at=NOW, lease_until=None)
        .returning(Job.id)
    ).all()
    session.execute(
        update(Job)
        .where(Job.state == JobState.QUEUED)
        .values(fence=first_fence, published_at=None)
        .execution_options(synchronize_session=False)
    )
    # Who signed out after the dump would be signed in again.
    ended = session.execute(
        update(SignIn)
        .where(SignIn.ended_at.is_(None))
        .values(ended_at=NOW)
        .returning(SignIn.id)
        .execution_options(synchronize_session=False)
    ).all()
    # So would a key that was revoked after the dump be valid again.
    is_valid = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > NOW)
    expired = session.execute(
        update(ApiKey)
        .where(is_valid)
        .values(expires_at=NOW)
        .returning(ApiKey.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.flush()
    return Beginning(first_id, first_fence, len(leases), len(ended), len(expired))


def _check_clock(session: Session, first_id: int, first_fence: int) -> None:
    highest_id = session.execute(_HIGHEST).scalar_one() or 0
    fences = select(func.max(Job.fence)).where(
        or_(Job.state == JobState.QUEUED, Job.state == JobState.RUNNING)
    )
    highest_fence = session.execute(fences).scalar_one() or 0
    if highest_id >= first_id or highest_fence >= first_fence:
        raise EpochTooEarly(
            f"the clock gives id {first_id} and fence {first_fence}, but {highest_id} and"
            f" {highest_fence} were given: is the clock of the database right?"
        )
