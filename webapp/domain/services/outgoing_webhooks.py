"""Webhooks of a person: register one, change it, sign with a new secret, try it, tell it of events.

Secrets are in the database as they are, because they sign every message; they are shown once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from ulid import ULID

from webapp.domain import jobs, outgoing_addresses, webhook_signatures
from webapp.domain.errors import (
    FieldProblem,
    NotFound,
    ValidationFailed,
    WebhookDisabled,
    WebhookLimitReached,
)
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.outgoing_webhook import (
    CHOOSABLE,
    DisabledCause,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from webapp.domain.services import accounts
from webapp.domain.settings import settings

MOST_WEBHOOKS = 5
BOTH_SECRETS = timedelta(days=1)
"""For so long the secret before signs too."""

Data = dict[str, str | int | None]


@dataclass(frozen=True)
class NewWebhook:
    """A webhook that was just made; `secret` is shown once."""

    id: int
    secret: str


def create(
    session: Session, *, user: User, url: str, events: Collection[WebhookEvent]
) -> NewWebhook:
    """Register an address. Raises ValidationFailed and WebhookLimitReached."""
    _check_url(url)
    accounts.lock_exclusively(session, user.id)
    used = select(func.count()).select_from(Webhook).where(Webhook.user_id == user.id)
    if session.scalars(used).one() >= MOST_WEBHOOKS:
        problem = FieldProblem("At most %(most)d addresses.", most=MOST_WEBHOOKS)
        raise WebhookLimitReached(limit=MOST_WEBHOOKS, fields={"url": [problem]})
    webhook = Webhook(
        user_id=user.id, url=url, events=_ordered(events), secret=webhook_signatures.new_secret()
    )
    session.add(webhook)
    session.flush()
    return NewWebhook(webhook.id, webhook.secret)


def change(
    session: Session,
    *,
    user_id: int,
    webhook_id: int,
    events: Collection[WebhookEvent] | None = None,
    is_enabled: bool | None = None,
) -> None:
    """Choose other events, or use an address again or no longer. Raises NotFound."""
    webhook = _own(session, user_id, webhook_id)
    if events is not None:
        webhook.events = _ordered(events)
    if is_enabled:
        webhook.disabled_cause = webhook.failing_since = None
    elif is_enabled is False and webhook.disabled_cause is None:
        webhook.disabled_cause = DisabledCause.SWITCHED_OFF
    session.flush()


def change_secret(session: Session, *, user_id: int, webhook_id: int) -> NewWebhook:
    """Make a new secret; for BOTH_SECRETS messages are signed with the one before, too."""
    webhook = _own(session, user_id, webhook_id)
    webhook.previous_secret = webhook.secret
    webhook.previous_until = datetime.now(UTC) + BOTH_SECRETS
    webhook.secret = webhook_signatures.new_secret()
    session.flush()
    return NewWebhook(webhook.id, webhook.secret)


def remove(session: Session, *, user_id: int, webhook_id: int) -> None:
    """Delete an address with its messages, sent or not. Raises NotFound and AccountInactive."""
    accounts.lock_exclusively(session, user_id)
    own = select(Webhook.id).where(Webhook.id == webhook_id, Webhook.user_id == user_id)
    if session.scalar(own) is None:
        raise NotFound(resource="webhook")
    _delete(session, user_id, [webhook_id])


def remove_all(session: Session, user_id: int) -> None:
    """Delete the addresses of a person whose account is closed."""
    own = select(Webhook.id).where(Webhook.user_id == user_id)
    _delete(session, user_id, session.scalars(own).all())


def lock_all(session: Session, user_id: int) -> Sequence[Webhook]:
    """Lock the addresses of a person, after the job of a message if that is locked too."""
    return session.scalars(
        select(Webhook)
        .where(Webhook.user_id == user_id)
        .order_by(Webhook.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def send_test(session: Session, *, user_id: int, webhook_id: int) -> int:
    """Queue a message without content and return the id of its delivery.

    Raises NotFound and WebhookDisabled. Its callers limit how often (`buckets.WEBHOOK_TESTS`).
    """
    webhook = _own(session, user_id, webhook_id)
    if webhook.disabled_cause is not None:
        raise WebhookDisabled
    return _queue(session, [webhook.id], WebhookEvent.TEST, {"webhook_id": webhook.id})[0]


def tell(session: Session, user_id: int | None, event: WebhookEvent, data: Data) -> None:
    """Queue a message to each address of a person that wants the event, in the caller's commit.

    `data` has ids of what it is about, as the API names them: whoever gets it reads the rest there.
    """
    wanting = (
        select(Webhook.id)
        .where(
            Webhook.user_id == user_id,
            Webhook.disabled_cause.is_(None),
            Webhook.events.contains([event.value]),
        )
        .order_by(Webhook.id)
        # Nobody may delete the address before the commit: its message would refer to nothing.
        .with_for_update(read=True, key_share=True)
    )
    _queue(session, session.scalars(wanting).all(), event, data)


def _queue(
    session: Session, webhook_ids: Collection[int], event: WebhookEvent, data: Data
) -> list[int]:
    if not webhook_ids:
        return []
    now = datetime.now(UTC)
    body = orjson.dumps(
        {"type": event, "timestamp": now, "data": data}, option=orjson.OPT_UTC_Z
    ).decode()
    message_id = f"msg_{ULID()}"
    deliveries = [
        WebhookDelivery(
            webhook_id=each, message_id=message_id, event=event, body=body, next_attempt_at=now
        )
        for each in webhook_ids
    ]
    session.add_all(deliveries)
    session.flush()
    for delivery in deliveries:
        jobs.enqueue(session, JobKind.WEBHOOK_DELIVERY, delivery.id)
    return [delivery.id for delivery in deliveries]


def _own(session: Session, user_id: int, webhook_id: int) -> Webhook:
    webhook = session.scalar(
        select(Webhook)
        .where(Webhook.id == webhook_id, Webhook.user_id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if webhook is None:
        raise NotFound(resource="webhook")
    return webhook


def _delete(session: Session, user_id: int, webhook_ids: Collection[int]) -> None:
    """Delete jobs before messages before addresses: workers lock them in this order."""
    deliveries = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id.in_(webhook_ids))
    session.execute(
        delete(Job).where(Job.kind == JobKind.WEBHOOK_DELIVERY, Job.ref.in_(deliveries))
    )
    owned = lock_all(session, user_id)
    kept = [each for each in owned if each.id not in webhook_ids]
    if kept:
        # The worker that sends to a deleted address goes on: until then its person gets no other.
        # Without another address nothing remembers it, and a new one may be sent to at once. Each
        # time that holds one more process for some seconds, and needs one more event: tests are
        # limited by person (`buckets.WEBHOOK_TESTS`), and the other events need pictures.
        busy = [each.busy_until for each in owned if each.busy_until is not None]
        kept[0].busy_until = max(busy, default=None)
        session.flush()
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id.in_(webhook_ids)))
    session.execute(delete(Webhook).where(Webhook.id.in_(webhook_ids)))


def _ordered(events: Collection[WebhookEvent]) -> list[str]:
    return [event.value for event in CHOOSABLE if event in events]


def _check_url(url: str) -> None:
    if not outgoing_addresses.is_allowed(url, may_be_local=settings().webhooks_may_be_local):
        problem = FieldProblem(
            "Must be an https address of a public server, at port 443 or one above 1023."
        )
        raise ValidationFailed(fields={"url": [problem]})
