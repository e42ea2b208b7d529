"""/admin/payments: refund requests, open payments, differences from the provider, one payment."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from flask import Blueprint, redirect, render_template, url_for
from pydantic import Field
from werkzeug.wrappers import Response

from webapp.domain.errors import NotFound
from webapp.domain.gateways.payments import PaymentsUnavailable
from webapp.domain.queries import (
    purchases as purchase_queries,
    refund_requests as refund_request_queries,
)
from webapp.domain.queries.pagination import MAX_CURSOR, PageRequest
from webapp.domain.services import reconciliation, refund_requests
from webapp.extensions import db, payment_provider, unit_of_work
from webapp.http.access import admin, own_transactions, user
from webapp.pages.admin import forms
from webapp.schemas.fields import Body, SeenText

blueprint = Blueprint("payments", __name__)
MOST_DAYS = timedelta(days=31)
DAY = timedelta(days=1)


class OrderQuery(Body):
    """GET /admin/payments."""

    order_id: Annotated[SeenText, Field(max_length=500)] | None = None
    cursor: str | None = Field(None, max_length=MAX_CURSOR)


class CompareQuery(Body):
    """GET /admin/payments/compare: whole days, both included."""

    since: date
    until: date


@blueprint.get("/payments")
@admin
def index() -> str | Response:
    """Show refund requests, open payments, and the last differences from the provider."""
    query = forms.query(OrderQuery)
    if query.order_id is not None and _exists(query.order_id):
        return redirect(url_for("pages.admin.payments.show", order_id=query.order_id))
    today = datetime.now(UTC).date()
    return render_template(
        "admin/payments.html",
        unknown=query.order_id,
        refund_requests=refund_request_queries.queue(
            db.session(), page=PageRequest(cursor=query.cursor)
        ),
        purchases=purchase_queries.without_outcome(db.session()),
        last=reconciliation.last_comparison(db.session()),
        since=today - DAY,
        until=today,
    )


def _exists(order_id: str) -> bool:
    try:
        purchase_queries.one(db.session(), order_id=order_id)
    except NotFound:
        return False
    return True


@blueprint.get("/payments/compare")
@own_transactions
@admin
def compare() -> str:
    """Compare the payments of some days with the provider, now."""
    query = forms.query(CompareQuery)
    since = datetime.combine(query.since, time(), UTC)
    until = datetime.combine(min(query.until, query.since + MOST_DAYS), time(), UTC) + DAY
    try:
        differences = reconciliation.compare(
            unit_of_work, payment_provider(), since=since, until=min(until, datetime.now(UTC))
        )
    except PaymentsUnavailable:
        differences = None
    return render_template(
        "admin/compare.html",
        differences=differences,
        since=since.date(),
        until=(until - DAY).date(),
    )


@blueprint.get("/payments/<order_id>")
@admin
def show(order_id: str) -> str:
    """Show one payment."""
    return render_template(
        "admin/payment.html", purchase=purchase_queries.one(db.session(), order_id=order_id)
    )


@blueprint.post("/payments/<order_id>/decline-refund")
@admin
def decline_refund(order_id: str) -> Response:
    """Decline a refund request, with a reason for the buyer."""
    return forms.decline(
        lambda reason: refund_requests.decline(
            db.session(), admin_id=user().id, order_id=order_id, note=reason
        ),
        "refund_declined",
    )
