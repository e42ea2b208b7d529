"""Send one person's mail digest, at most once; `services.mail_digests` says why."""

from functools import lru_cache

from celery_config import TaskName
from failpoints import failpoint
from tasks.metrics import count_mail_digest
from tasks.on_cpu.attempt import LeaseLost, attempt, claim_without_storage
from tasks.outcomes import Outcome
from tasks.task import end_task, task
from webapp.domain import mail_digest_words
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.mail import (
    Mail,
    MailDelayed,
    Mailer,
    MailOutcomeUnknown,
    MailRejected,
    RecipientRefused,
    configured_mailer,
)
from webapp.domain.jobs import Lease
from webapp.domain.models.mail_digest import MailDigestStatus
from webapp.domain.queries import notifications as notification_queries
from webapp.domain.services import mail_digests
from webapp.domain.services.mail_digests import Order
from webapp.domain.settings import settings

MOST_NOTIFICATIONS = 30  # in one mail
OUTCOMES = {
    MailDigestStatus.SENT: Outcome.DONE,
    MailDigestStatus.SKIPPED: Outcome.DONE,
    MailDigestStatus.QUEUED: Outcome.RETRIED,
}


@lru_cache(maxsize=1)
def mailer() -> Mailer | None:
    """Return this process's mailer."""
    return configured_mailer(settings())


@task(TaskName.SEND_MAIL_DIGEST)
def send_mail_digest(*, job_id: int) -> None:
    """Send what a person has not read since the last digest, if there is anything.

    Storage is not needed, so its state does not matter here.
    """
    lease = claim_without_storage(job_id, TaskName.SEND_MAIL_DIGEST)
    with attempt(lease):
        status = _attempt(lease)
    count_mail_digest(status.value)
    end_task(OUTCOMES.get(status, Outcome.FAILED), status.value)


def _attempt(lease: Lease) -> MailDigestStatus:
    """Return the status of the digest after this attempt. Raises LeaseLost."""
    with unit_of_work() as session:
        order = mail_digests.begin(session, lease)
        if isinstance(order, MailDigestStatus):
            return order
        news = notification_queries.news(
            session,
            user_id=order.user_id,
            since=order.since,
            until=order.until,
            most=MOST_NOTIFICATIONS,
        )
        if not news.count:
            mail_digests.end(session, lease, MailDigestStatus.SKIPPED)
            return MailDigestStatus.SKIPPED
    failpoint("before_mail")
    mail = mail_digest_words.digest(
        order, news, site=settings().public_base_url, sender=settings().operator_name
    )
    return _send(lease, order, mail, news.count)


def _send(lease: Lease, order: Order, mail: Mail, count: int) -> MailDigestStatus:
    """Send the mail without a session, and record what came of it."""
    try:
        _hand_over(mail)
    except MailDelayed as error:
        with unit_of_work() as session:
            status = mail_digests.record_delayed(session, lease, str(error))
    except RecipientRefused as error:
        with unit_of_work() as session:
            is_recorded = mail_digests.record_refused(session, lease, order, str(error))
        status = MailDigestStatus.REFUSED if is_recorded else None
    except MailRejected as error:
        status = _ended(lease, MailDigestStatus.FAILED, str(error))
    except MailOutcomeUnknown as error:
        status = _ended(lease, MailDigestStatus.UNKNOWN, str(error))
    else:
        failpoint("after_mail")
        with unit_of_work() as session:
            is_recorded = mail_digests.record_sent(session, lease, order, count=count)
        status = MailDigestStatus.SENT if is_recorded else None
    if status is None:
        raise LeaseLost
    return status


def _hand_over(mail: Mail) -> None:
    sending = mailer()
    if sending is None:
        raise MailDelayed("SMTP_URL is not set for this worker.")
    sending.send(mail)


def _ended(lease: Lease, status: MailDigestStatus, answer: str) -> MailDigestStatus | None:
    with unit_of_work() as session:
        return status if mail_digests.end(session, lease, status, answer) else None
