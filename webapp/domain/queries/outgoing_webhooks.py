"""Read the webhooks of a person and what was sent to them; never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.outgoing_webhook import Webhook, WebhookDelivery

MOST_DELIVERIES = 10


@dataclass(frozen=True, slots=True)
class WebhookView:
    """One address as its person sees it; `previous_secret_until` while an earlier one signs too."""

    id: int
    url: str
    events: Sequence[str]
    is_enabled: bool
    disabled_cause: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One message and what came of it."""

    id: int
    message_id: str
    event: str
    status: str
    attempts: int
    last_status: int | None
    last_problem: str | None
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    created_at: datetime


def own(session: Session, user_id: int) -> list[WebhookView]:
    """List the addresses of a person, newest first."""
    webhooks = select(Webhook).where(Webhook.user_id == user_id).order_by(Webhook.id.desc())
    return [_view(each) for each in session.scalars(webhooks)]


def one(session: Session, *, user_id: int, webhook_id: int) -> WebhookView:
    """Return an own address. Raises NotFound."""
    webhook = session.scalar(
        select(Webhook).where(Webhook.id == webhook_id, Webhook.user_id == user_id)
    )
    if webhook is None:
        raise NotFound(resource="webhook")
    return _view(webhook)


def deliveries(
    session: Session, webhook_ids: Sequence[int], *, limit: int = MOST_DELIVERIES
) -> dict[int, list[DeliveryView]]:
    """Return the last messages to each address, newest first."""
    last = (
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == Webhook.id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
        .lateral()
    )
    rows = session.execute(
        select(last)
        .select_from(Webhook)
        .join(last, Webhook.id == last.c.webhook_id)
        .where(Webhook.id.in_(webhook_ids))
        .order_by(last.c.id.desc())
    )
    found: dict[int, list[DeliveryView]] = {each: [] for each in webhook_ids}
    for row in rows:
        found[row.webhook_id].append(
            DeliveryView(**{name: getattr(row, name) for name in DeliveryView.__slots__})
        )
    return found


def _view(webhook: Webhook) -> WebhookView:
    until = webhook.previous_until
    return WebhookView(
        id=webhook.id,
        url=webhook.url,
        events=webhook.events,
        is_enabled=webhook.disabled_cause is None,
        disabled_cause=webhook.disabled_cause,
        failing_since=webhook.failing_since,
        previous_secret_until=until if until and until > datetime.now(UTC) else None,
        created_at=webhook.created_at,
    )
