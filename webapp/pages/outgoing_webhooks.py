"""/me/webhooks: addresses of one's own server, their secrets, and what was sent to them."""

from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import LazyString, lazy_gettext as _
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import (
    DomainError,
    NotFound,
    ValidationFailed,
    WebhookDisabled,
    WebhookLimitReached,
)
from webapp.domain.gateways.outgoing_http import SECONDS, Problem
from webapp.domain.models.outgoing_webhook import CHOOSABLE, WebhookEvent
from webapp.domain.queries import outgoing_webhooks as webhook_queries
from webapp.domain.services import notifications, outgoing_webhooks, webhook_deliveries
from webapp.domain.services.outgoing_webhooks import BOTH_SECRETS, MOST_WEBHOOKS
from webapp.domain.services.webhook_deliveries import GIVE_UP, KEPT
from webapp.extensions import db
from webapp.http import buckets, idempotency, rate_limits
from webapp.http.access import signed_in, user
from webapp.pages import page_header, problems, words
from webapp.pages.problems import Problems
from webapp.schemas.outgoing_webhooks import NewWebhook

blueprint = Blueprint("outgoing_webhooks", __name__, url_prefix="/me/webhooks")
Answer = str | AnyResponse | tuple[str, int]
SHOWN_DELIVERIES = 5
EVENTS: dict[WebhookEvent, LazyString] = {
    WebhookEvent.GENERATION_COMPLETED: _("A picture of yours is ready"),
    WebhookEvent.GENERATION_FAILED: _("A picture of yours failed, and its tokens are back"),
    WebhookEvent.GENERATION_REFUNDED: _("The price of a picture was returned"),
    WebhookEvent.GENERATION_SOLD: _("A picture in a style of yours was sold"),
    WebhookEvent.STYLE_TRAINED: _("A style of yours is trained"),
    WebhookEvent.STYLE_TRAINING_FAILED: _("The training of a style of yours failed"),
}
CAUSES: dict[str, LazyString] = {
    "switched_off": _("Disabled by you."),
    "gone": _("Disabled, because your server answered with 410."),
    "failing": _(
        "Disabled, because your server has not taken a message for %(days)s days.",
        days=GIVE_UP.days,
    ),
}
STATES: dict[str, LazyString] = {
    "queued": _("on its way"),
    "delivered": _("delivered"),
    "failed": _("failed"),
}
PROBLEMS: dict[str, LazyString] = {
    Problem.ADDRESS_REFUSED: _("not a public address"),
    Problem.UNKNOWN_HOST: _("the name has no address"),
    Problem.NO_CONNECTION: _("no connection"),
    Problem.BAD_CERTIFICATE: _("the certificate is not valid"),
    Problem.TIMEOUT: _("no answer in %(seconds)s seconds", seconds=round(SECONDS)),
    Problem.BAD_ANSWER: _("the answer was not HTTP"),
    webhook_deliveries.DISABLED: _("the address was disabled"),
    webhook_deliveries.LOST: _("an error of this site"),
}


@blueprint.get("")
@signed_in
def show() -> Answer:
    """Show one's own addresses, and the form of a new one."""
    return _page(saved=request.args.get("saved", ""))


@blueprint.post("")
@signed_in
def create() -> Answer:
    """Add an address, once for each form, and show its secret this one time."""
    try:
        fields = NewWebhook.model_validate(
            {"url": request.form.get("url", ""), "events": request.form.getlist("events")}
        )
        made = idempotency.form_answered_once(
            "POST /me/webhooks",
            fields.model_dump(),
            lambda: outgoing_webhooks.create(
                db.session(),
                user=user(),
                url=fields.url,
                events=[WebhookEvent(event) for event in fields.events],
            ),
        )
    except ValidationError as error:
        usual = {
            "url": _(
                "Please enter the address of your server, such as https://shop.example/hooks."
            ),
            "events": _("Please choose at least one event."),
        }
        return _page(problems.of_fields(error, usual), ValidationFailed.status)
    except (ValidationFailed, WebhookLimitReached) as error:
        texts, status = problems.by_field(error, "url")
        return _page({"url": " ".join(map(str, texts.values()))}, status)
    if made is None:  # the form was sent before
        return redirect(url_for(".show", saved="webhook_made"), 303)
    return _page(made=made)


@blueprint.post("/<id:webhook_id>/events")
@signed_in
def change(webhook_id: int) -> Answer:
    """Choose other events of an address."""
    chosen = [event for event in CHOOSABLE if event.value in request.form.getlist("events")]
    if not chosen:
        wrong = {f"events-{webhook_id}": _("Please choose at least one event.")}
        return _page(wrong, ValidationFailed.status)
    return _changed(webhook_id, events=chosen)


@blueprint.post("/<id:webhook_id>/enable")
@signed_in
def enable(webhook_id: int) -> Answer:
    """Use an address again."""
    return _changed(webhook_id, is_enabled=True)


@blueprint.post("/<id:webhook_id>/disable")
@signed_in
def disable(webhook_id: int) -> Answer:
    """Send nothing more to an address."""
    return _changed(webhook_id, is_enabled=False)


@blueprint.post("/<id:webhook_id>/secret")
@signed_in
def change_secret(webhook_id: int) -> Answer:
    """Make a new secret, once for each form, and show it this one time.

    A form that is sent again would end the secret of before, which is still in use.
    """
    try:
        made = idempotency.form_answered_once(
            "POST /me/webhooks/:id/secret",
            {"webhook_id": webhook_id},
            lambda: outgoing_webhooks.change_secret(
                db.session(), user_id=user().id, webhook_id=webhook_id
            ),
        )
    except NotFound:
        return redirect(url_for(".show"), 303)
    if made is None:  # the form was sent before
        return redirect(url_for(".show"), 303)
    return _page(made=made)


@blueprint.post("/<id:webhook_id>/test")
@rate_limits.limited(buckets.WEBHOOK_TESTS)
@signed_in
def test(webhook_id: int) -> Answer:
    """Send a test to an address."""
    try:
        outgoing_webhooks.send_test(db.session(), user_id=user().id, webhook_id=webhook_id)
    except NotFound:
        return redirect(url_for(".show"), 303)
    except WebhookDisabled as error:
        return _refused(webhook_id, error)
    return redirect(url_for(".show", saved="webhook_tested"), 303)


@blueprint.post("/<id:webhook_id>/delete")
@signed_in
def remove(webhook_id: int) -> AnyResponse:
    """Delete an address; one that is deleted already stays so."""
    try:
        outgoing_webhooks.remove(db.session(), user_id=user().id, webhook_id=webhook_id)
    except NotFound:
        return redirect(url_for(".show"), 303)
    return redirect(url_for(".show", saved="webhook_removed"), 303)


def _changed(
    webhook_id: int,
    *,
    events: Sequence[WebhookEvent] | None = None,
    is_enabled: bool | None = None,
) -> Answer:
    try:
        outgoing_webhooks.change(
            db.session(),
            user_id=user().id,
            webhook_id=webhook_id,
            events=events,
            is_enabled=is_enabled,
        )
    except NotFound:
        return redirect(url_for(".show"), 303)
    return redirect(url_for(".show", saved="webhook_changed"), 303)


def _refused(webhook_id: int, error: DomainError) -> Answer:
    texts, status = problems.by_field(error, "")
    return _page({f"webhook-{webhook_id}": " ".join(map(str, texts.values()))}, status)


def _page(
    wrong: Problems | None = None,
    status: int = 200,
    *,
    made: outgoing_webhooks.NewWebhook | None = None,
    saved: str = "",
) -> tuple[str, int]:
    webhooks = webhook_queries.own(db.session(), user().id)
    page_header.mark_seen(notifications.of_targets("webhook"))
    page = render_template(
        "me/webhooks.html",
        webhooks=webhooks,
        deliveries=webhook_queries.deliveries(
            db.session(), [each.id for each in webhooks], limit=SHOWN_DELIVERIES
        )
        if webhooks
        else {},
        made=made,
        saved=words.SAVED.get(saved),
        problems=wrong or {},
        is_new_wrong=bool(wrong and set(wrong) & {"url", "events"}),
        values=request.form if wrong else {},
        chosen=request.form.getlist("events") if wrong else [],
        events=EVENTS,
        causes=CAUSES,
        states=STATES,
        reasons=PROBLEMS,
        most=MOST_WEBHOOKS,
        give_up_days=GIVE_UP.days,
        kept_days=KEPT.days,
        both_secrets_hours=round(BOTH_SECRETS / timedelta(hours=1)),
    )
    return page, status
