"""Mail digests: found when they are due, sent by a job, never sent twice for one period.

A digest is sent at most once. It is `sending` from a commit before the first byte to the mail
server; whoever finds it so was not there and does not send it again. The other choice, at least
once, would repeat a mail after each lost worker, and nothing is lost here: what a digest may not
have told is unread on the site, and the next digest tells it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import jobs, market
from webapp.domain.due_jobs import JUST_NOW
from webapp.domain.jobs import Lease
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.mail_digest import (
    DigestFrequency,
    MailDigest,
    MailDigestSetting,
    MailDigestStatus,
)
from webapp.domain.pieces import delete_chosen
from webapp.domain.services import accounts, mail_digest_settings

LATE = timedelta(hours=4)  # a digest of the morning is not sent in the evening
IN_PROGRESS = timedelta(seconds=30)  # of transactions whose notifications are not committed yet
RETRY_SECONDS = (60, 300, 1200, 3600)  # waits before the next attempts
KEPT = timedelta(days=90)
OPEN = (MailDigestStatus.QUEUED, MailDigestStatus.SENDING)


@dataclass(frozen=True, slots=True)
class Order:
    """A digest that may be sent now: to whom, in which language, and what it covers."""

    digest_id: int
    user_id: int
    email: str
    name: str
    language: str
    frequency: DigestFrequency
    link_signature: str
    since: datetime
    until: datetime


def queue_due(session: Session, *, limit: int) -> int:
    """Queue at most `limit` digests that are due, and say when the next ones are; return how many.

    One that is very late waits for the next morning.
    """
    now = session.scalars(select(jobs.NOW)).one()
    is_due = MailDigestSetting.due_at <= JUST_NOW
    # The account before its setting, as who leaves locks them.
    user_ids = session.scalars(
        select(User.id)
        .join(MailDigestSetting, MailDigestSetting.user_id == User.id)
        .where(is_due, User.is_active)
        .order_by(MailDigestSetting.due_at)
        .limit(limit)
        .with_for_update(of=User, read=True, key_share=True, skip_locked=True)
    ).all()
    due = session.scalars(
        select(MailDigestSetting)
        .where(MailDigestSetting.user_id.in_(user_ids), is_due)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for setting in due:
        is_late = setting.due_at is not None and setting.due_at < now - LATE
        if not is_late:
            _queue(session, setting.user_id, now)
        frequency = DigestFrequency.DAILY if is_late else setting.frequency
        setting.due_at = mail_digest_settings.next_due(frequency, now)
    return len(due)


def _queue(session: Session, user_id: int, now: datetime) -> None:
    """Queue a person's digest of today, unless there is one."""
    digest_id = session.scalar(
        insert(MailDigest)
        .values(user_id=user_id, day=market.day_of(now))
        .on_conflict_do_nothing()
        .returning(MailDigest.id)
    )
    if digest_id is not None:
        jobs.enqueue(session, JobKind.MAIL_DIGEST, digest_id)


def begin(session: Session, lease: Lease) -> Order | MailDigestStatus:
    """Begin to send a digest: the caller sends it after the commit, or ends it as skipped.

    Returns the status of one that has ended: UNKNOWN if another worker had begun before and was
    lost, SKIPPED if the digest is off meanwhile, and for an account that is closed.
    """
    user_id = session.scalar(
        update(MailDigest)
        .where(MailDigest.id == lease.ref, MailDigest.status == MailDigestStatus.QUEUED)
        .values(status=MailDigestStatus.SENDING)
        .returning(MailDigest.user_id)
    )
    if user_id is None:
        end(session, lease, MailDigestStatus.UNKNOWN, "The worker was lost while sending.")
        return MailDigestStatus.UNKNOWN
    user = session.get(User, user_id)
    setting = None
    if user is not None and user.is_active and user.deleted_at is None:
        setting = mail_digest_settings.of_address(session, user)
    if user is None or setting is None or setting.frequency == DigestFrequency.OFF:
        end(session, lease, MailDigestStatus.SKIPPED)
        return MailDigestStatus.SKIPPED
    now = session.scalars(select(jobs.NOW)).one()
    return Order(
        digest_id=lease.ref,
        user_id=user_id,
        email=user.email,
        name=user.display_name,
        language=user.language or setting.language,
        frequency=setting.frequency,
        link_signature=mail_digest_settings.signature(setting),
        since=setting.covered_until,
        until=now - IN_PROGRESS,
    )


def record_sent(session: Session, lease: Lease, order: Order, *, count: int) -> bool:
    """Record a digest that the mail server has taken; False if the fence is stale."""
    if not end(session, lease, MailDigestStatus.SENT, count=count):
        return False
    session.execute(
        update(MailDigestSetting)
        .where(MailDigestSetting.user_id == order.user_id)
        .values(
            covered_until=func.greatest(MailDigestSetting.covered_until, order.until),
            refusals=0,
        )
    )
    return True


def record_refused(session: Session, lease: Lease, order: Order, answer: str) -> bool:
    """Record that the server refused the address; False if the fence is stale."""
    # Before the job, as who leaves locks it: a notification refers to the account.
    accounts.lock_undeleted(session, order.user_id)
    if not end(session, lease, MailDigestStatus.REFUSED, answer):
        return False
    mail_digest_settings.count_refusal(
        session, digest_id=order.digest_id, user_id=order.user_id, email=order.email
    )
    return True


def record_delayed(session: Session, lease: Lease, answer: str) -> MailDigestStatus | None:
    """Try a digest that was not taken again later, or end it after the last try.

    Returns its status; None if the fence is stale.
    """
    if lease.attempt > len(RETRY_SECONDS):
        is_ended = end(session, lease, MailDigestStatus.FAILED, answer)
        return MailDigestStatus.FAILED if is_ended else None
    delay = RETRY_SECONDS[lease.attempt - 1]
    if not jobs.retry(session, lease, delay, "MAIL_DELAYED", answer):
        return None
    session.execute(
        update(MailDigest)
        .where(MailDigest.id == lease.ref, MailDigest.status == MailDigestStatus.SENDING)
        .values(status=MailDigestStatus.QUEUED)
    )
    return MailDigestStatus.QUEUED


def end(
    session: Session,
    lease: Lease,
    status: MailDigestStatus,
    failure: str | None = None,
    *,
    count: int = 0,
) -> bool:
    """End a digest and its job with a final status; False if the fence is stale."""
    has_failed = status not in {MailDigestStatus.SENT, MailDigestStatus.SKIPPED}
    state = JobState.FAILED if has_failed else JobState.DONE
    if not jobs.finish(session, lease.job_id, lease.fence, state):
        return False
    _end(session, lease.ref, status, failure, count)
    return True


def fail(session: Session, digest_id: int, cause: str, _message: str) -> None:
    """End a digest whose job has ended, by its deadline or by an error."""
    _end(session, digest_id, MailDigestStatus.FAILED, cause, 0)


def _end(
    session: Session, digest_id: int, status: MailDigestStatus, failure: str | None, count: int
) -> None:
    session.execute(
        update(MailDigest)
        .where(MailDigest.id == digest_id, MailDigest.status.in_(OPEN))
        .values(status=status, failure=failure, notification_count=count, finished_at=jobs.NOW)
    )


def purge(session: Session, *, limit: int) -> int:
    """Delete at most `limit` digests that ended long ago; return how many."""
    old = (
        select(MailDigest.id)
        .where(MailDigest.created_at < JUST_NOW - KEPT, MailDigest.finished_at.is_not(None))
        .order_by(MailDigest.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete_chosen(session, MailDigest.id, old)


def delete_of_person(session: Session, user_id: int) -> None:
    """Delete a person's digests, their jobs and the choice; a worker records nothing then."""
    ids = select(MailDigest.id).where(MailDigest.user_id == user_id)
    session.execute(delete(Job).where(Job.kind == JobKind.MAIL_DIGEST, Job.ref.in_(ids)))
    session.execute(delete(MailDigest).where(MailDigest.user_id == user_id))
    session.execute(delete(MailDigestSetting).where(MailDigestSetting.user_id == user_id))
