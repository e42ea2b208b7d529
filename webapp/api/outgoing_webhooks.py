"""/users/me/webhooks: messages to a person's own server; API keys cannot call it."""

from dataclasses import asdict

from flask import Blueprint, Response

from webapp.domain.errors import (
    NotFound,
    WebhookDisabled,
    WebhookLimitReached,
)
from webapp.domain.models.outgoing_webhook import WebhookEvent
from webapp.domain.queries import outgoing_webhooks as webhook_queries
from webapp.domain.services import outgoing_webhooks
from webapp.extensions import db
from webapp.http import buckets, envelope, rate_limits
from webapp.http.access import signed_in, user
from webapp.http.operations import operation
from webapp.schemas.fields import Listed
from webapp.schemas.outgoing_webhooks import (
    MadeWebhook,
    NewWebhook,
    WebhookChanges,
    WebhookDeliveryView,
    WebhookView,
)

blueprint = Blueprint("outgoing_webhooks", __name__)
PATH = "/api/v1/users/me/webhooks"


@blueprint.get("/users/me/webhooks")
@signed_in
@operation(gives=Listed[WebhookView], links={"webhook_id": "/results/0/id"})
def list_own() -> Response:
    """List one's own webhooks, newest first, without their secrets."""
    return envelope.success(envelope.listed(webhook_queries.own(db.session(), user().id), None))


@blueprint.post("/users/me/webhooks")
@signed_in
@operation(
    gives=MadeWebhook, status=201, errors=(WebhookLimitReached,), links={"webhook_id": "/id"}
)
def create(body: NewWebhook) -> Response:
    """Add an address; its secret is in this answer only. A person has at most 5."""
    made = outgoing_webhooks.create(
        db.session(),
        user=user(),
        url=body.url,
        events=[WebhookEvent(event) for event in body.events],
    )
    return _with_secret(made)


@blueprint.patch("/users/me/webhooks/<id:webhook_id>")
@signed_in
@operation(gives=WebhookView, errors=(NotFound,))
def change(webhook_id: int, body: WebhookChanges) -> Response:
    """Choose other events, or disable or enable an own webhook."""
    outgoing_webhooks.change(
        db.session(),
        user_id=user().id,
        webhook_id=webhook_id,
        events=None if body.events is None else [WebhookEvent(event) for event in body.events],
        is_enabled=body.is_enabled,
    )
    return envelope.success(
        webhook_queries.one(db.session(), user_id=user().id, webhook_id=webhook_id)
    )


@blueprint.post("/users/me/webhooks/<id:webhook_id>/secret")
@signed_in
@operation(gives=MadeWebhook, status=201, errors=(NotFound,))
def change_secret(webhook_id: int) -> Response:
    """Make a new secret, in this answer only; for a day the last one before signs too."""
    made = outgoing_webhooks.change_secret(db.session(), user_id=user().id, webhook_id=webhook_id)
    return _with_secret(made)


@blueprint.post("/users/me/webhooks/<id:webhook_id>/test")
@rate_limits.limited(buckets.WEBHOOK_TESTS)
@signed_in
@operation(gives=WebhookDeliveryView, status=202, errors=(NotFound, WebhookDisabled))
def test(webhook_id: int) -> Response:
    """Send a message of the type `webhook.test`; at most ten an hour to all of one's addresses."""
    outgoing_webhooks.send_test(db.session(), user_id=user().id, webhook_id=webhook_id)
    [newest] = webhook_queries.deliveries(db.session(), [webhook_id], limit=1)[webhook_id]
    return envelope.success(newest, 202)


@blueprint.get("/users/me/webhooks/<id:webhook_id>/deliveries")
@signed_in
@operation(gives=Listed[WebhookDeliveryView], errors=(NotFound,))
def deliveries(webhook_id: int) -> Response:
    """List the last 10 messages to an own address, newest first."""
    webhook_queries.one(db.session(), user_id=user().id, webhook_id=webhook_id)
    last = webhook_queries.deliveries(db.session(), [webhook_id])[webhook_id]
    return envelope.success(envelope.listed(last, None))


@blueprint.delete("/users/me/webhooks/<id:webhook_id>")
@signed_in
@operation(status=204, errors=(NotFound,))
def remove(webhook_id: int) -> Response:
    """Delete an own webhook with its messages; nothing is sent from now on."""
    outgoing_webhooks.remove(db.session(), user_id=user().id, webhook_id=webhook_id)
    return envelope.no_content()


def _with_secret(made: outgoing_webhooks.NewWebhook) -> Response:
    view = webhook_queries.one(db.session(), user_id=user().id, webhook_id=made.id)
    return envelope.created(asdict(view) | {"secret": made.secret}, PATH)
