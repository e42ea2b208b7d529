"""Messages of webhooks: what a worker sends, what came of it, and when it is tried again.

A message is delivered at least once: its job ends only in the commit that records the answer, and
a worker that dies before is followed by another one with the same `webhook-id`.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus

from sqlalchemy import Update, func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs, webhook_signatures
from webapp.domain.jobs import Lease
from webapp.domain.models.account import User
from webapp.domain.models.job import JobState
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.outgoing_webhook import (
    DeliveryStatus,
    DisabledCause,
    Webhook,
    WebhookDelivery,
)
from webapp.domain.pieces import delete_chosen
from webapp.domain.services import notifications, outgoing_webhooks

# Seconds between the tries of a message; at the last one its address has failed for GIVE_UP.
DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
GIVE_UP = timedelta(days=3)
# Longer than a request takes: no other worker may begin meanwhile.
LEASE_SECONDS = 30
# A person is sent one message at a time, so that slow servers hold one process of all at most.
# Thousands may wait for it, so they ask more and more rarely.
BUSY_SECONDS, BUSY_SECONDS_OF_FAILING, MOST_BUSY_SECONDS = 3, 60, 3600
KEPT = timedelta(days=30)
DISABLED, LOST = "disabled", "lost"


class Outcome(StrEnum):
    """What came of one try; BUSY: its person is being sent another message."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    FAILED = "failed"
    BUSY = "busy"
    STALE = "stale"


@dataclass(frozen=True)
class Message:
    """A request to send."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """The status of an answer, or why there was none."""

    status: int | None
    problem: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether the server has taken the message."""
        return (
            self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        )


def begin(session: Session, lease: Lease) -> Message | Outcome:
    """Return the message of a claimed job; or why it is not sent now, which is recorded."""
    row = session.execute(
        select(WebhookDelivery, Webhook)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(WebhookDelivery.id == lease.ref)
    ).one_or_none()
    owned = [] if row is None else outgoing_webhooks.lock_all(session, row.Webhook.user_id)
    if row is None or row.Webhook not in owned:  # deleted, maybe a moment ago
        jobs.finish(session, lease.job_id, lease.fence, JobState.CANCELED)
        return Outcome.STALE
    delivery, webhook = row
    if webhook.disabled_cause is not None:
        return _end(session, lease, delivery.id, Answer(None, DISABLED))
    now = session.scalars(select(jobs.NOW)).one()
    if any(each.busy_until is not None and each.busy_until > now for each in owned):
        _postpone(session, lease, delivery, webhook, now)
        return Outcome.BUSY
    webhook.busy_until = now + timedelta(seconds=LEASE_SECONDS)
    session.flush()
    jobs.renew(session, lease.job_id, lease.fence, LEASE_SECONDS)
    secrets = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > now:
        secrets.append(webhook.previous_secret)
    body = delivery.body.encode()
    signed = webhook_signatures.headers(
        secrets, message_id=delivery.message_id, timestamp=int(now.timestamp()), body=body
    )
    return Message(webhook.url, {"Content-Type": "application/json", **signed}, body)


def record(session: Session, lease: Lease, answer: Answer) -> Outcome:
    """Record what a try came to, and disable an address that is gone or failed for GIVE_UP."""
    _lock_owner(session, lease.ref)
    if answer.is_good:
        return _end(session, lease, lease.ref, answer)
    delay = DELAYS[lease.attempt - 1] if lease.attempt <= len(DELAYS) else None
    if answer.status == HTTPStatus.GONE or delay is None:
        return _end(session, lease, lease.ref, answer)
    cause = f"HTTP_{answer.status}" if answer.status else str(answer.problem).upper()
    if not jobs.retry(session, lease, delay, cause, ""):
        return Outcome.STALE
    session.execute(
        _tried(lease.ref, answer).values(next_attempt_at=jobs.NOW + timedelta(seconds=delay))
    )
    _judge(session, lease.ref, answer)
    return Outcome.RETRIED


def fail(session: Session, delivery_id: int, _cause: str, _message: str) -> None:
    """End a message whose workers were lost too often, or that met an error of ours."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.status == DeliveryStatus.QUEUED)
        .values(
            status=DeliveryStatus.FAILED,
            last_problem=LOST,
            next_attempt_at=None,
            finished_at=jobs.NOW,
        )
    )


def purge(session: Session, *, limit: int) -> int:
    """Delete at most `limit` ended messages of last month; return how many."""
    old = (
        select(WebhookDelivery.id)
        .where(
            WebhookDelivery.created_at < func.statement_timestamp() - KEPT,
            WebhookDelivery.status != DeliveryStatus.QUEUED,
        )
        .order_by(WebhookDelivery.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete_chosen(session, WebhookDelivery.id, old)


def _postpone(
    session: Session, lease: Lease, delivery: WebhookDelivery, webhook: Webhook, now: datetime
) -> None:
    """Let a message wait for the one that its person is being sent; it uses up no try."""
    since, least = webhook.failing_since, BUSY_SECONDS_OF_FAILING
    if since is None:
        since, least = delivery.created_at, BUSY_SECONDS
    growing = (now - since).total_seconds() / 4
    jitter = random.uniform(1, 1.5)  # noqa: S311 - chance, not secrecy
    seconds = round(max(least, min(MOST_BUSY_SECONDS, growing)) * jitter)
    delivery.next_attempt_at = now + timedelta(seconds=seconds)
    session.flush()
    jobs.postpone(session, lease, seconds)


def _lock_owner(session: Session, delivery_id: int) -> None:
    """Lock the person before the job, as the closing of an account does; a notification asks."""
    session.execute(
        select(User.id)
        .join(Webhook, Webhook.user_id == User.id)
        .join(WebhookDelivery, WebhookDelivery.webhook_id == Webhook.id)
        .where(WebhookDelivery.id == delivery_id)
        .with_for_update(read=True, key_share=True, of=User)
    )


def _end(session: Session, lease: Lease, delivery_id: int, answer: Answer) -> Outcome:
    """End the job, whose work is done however a server of others answers."""
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return Outcome.STALE
    outcome = Outcome.DELIVERED if answer.is_good else Outcome.FAILED
    session.execute(
        _tried(delivery_id, answer).values(
            status=DeliveryStatus(outcome.value), next_attempt_at=None, finished_at=jobs.NOW
        )
    )
    if answer.problem != DISABLED:
        _judge(session, delivery_id, answer)
    return outcome


def _tried(delivery_id: int, answer: Answer) -> Update:
    return (
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(
            attempts=WebhookDelivery.attempts + int(answer.problem != DISABLED),
            last_status=answer.status,
            last_problem=answer.problem,
            last_attempt_at=jobs.NOW,
        )
    )


def _judge(session: Session, delivery_id: int, answer: Answer) -> None:
    """Note whether an address works; disable it and tell its owner when it does not for long."""
    of_delivery = select(WebhookDelivery.webhook_id).where(WebhookDelivery.id == delivery_id)
    failing_since = None if answer.is_good else func.coalesce(Webhook.failing_since, jobs.NOW)
    webhook = session.execute(
        update(Webhook)
        .where(Webhook.id == of_delivery.scalar_subquery())
        .values(failing_since=failing_since, busy_until=None)
        .returning(
            Webhook.id,
            Webhook.user_id,
            (Webhook.failing_since < jobs.NOW - GIVE_UP).label("is_old"),
        )
    ).one_or_none()
    if webhook is None or answer.is_good:
        return
    cause = DisabledCause.GONE if answer.status == HTTPStatus.GONE else DisabledCause.FAILING
    if cause is DisabledCause.FAILING and not webhook.is_old:
        return
    disabled = session.scalar(
        update(Webhook)
        .where(Webhook.id == webhook.id, Webhook.disabled_cause.is_(None))
        .values(disabled_cause=cause)
        .returning(Webhook.id)
    )
    if disabled is not None:
        notifications.notify(
            session,
            webhook.user_id,
            NotificationType.WEBHOOK_DISABLED,
            target_type="webhook",
            target_id=webhook.id,
            event=f"delivery:{delivery_id}",
        )
