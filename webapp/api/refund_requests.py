"""/tokens/purchases/:order_id/refund-request, and /admin/refund-requests for administrators."""

from flask import Blueprint, Response

from webapp.api.payments import LOCATION
from webapp.domain.errors import (
    AlreadyRefunded,
    InsufficientTokens,
    NotFound,
    PaymentFailed,
    RefundNotRequested,
    RefundRequested,
)
from webapp.domain.queries import (
    payments as payment_queries,
    refund_requests as refund_request_queries,
)
from webapp.domain.queries.payments import OrderDetail
from webapp.domain.services import refund_requests
from webapp.domain.sets_errors import CreditsExhausted
from webapp.extensions import db, payment_addresses
from webapp.http import bodies, envelope
from webapp.http.access import admin, signed_in, user
from webapp.http.operations import Idempotency, operation
from webapp.schemas.admin import Refusal
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.payments import OrderDetail as OrderDetailAnswer
from webapp.schemas.refund_requests import NewRefundRequest, RefundRequestAnswer

blueprint = Blueprint("refund_requests", __name__)


@blueprint.post("/tokens/purchases/<order_id>/refund-request")
@signed_in
@operation(
    gives=OrderDetailAnswer,
    status=201,
    errors=(
        NotFound,
        PaymentFailed,
        AlreadyRefunded,
        RefundRequested,
        InsufficientTokens,
        CreditsExhausted,
    ),
    idempotent=Idempotency("POST /tokens/purchases/:order_id/refund-request", LOCATION),
)
def request_refund(order_id: str, body: NewRefundRequest) -> OrderDetail:
    """Ask for the refund of one's own payment; an administrator decides."""
    refund_requests.request(db.session(), user_id=user().id, order_id=order_id, reason=body.reason)
    return _own(order_id)


@blueprint.delete("/tokens/purchases/<order_id>/refund-request")
@signed_in
@operation(gives=OrderDetailAnswer, errors=(NotFound, RefundNotRequested))
def withdraw(order_id: str) -> Response:
    """Withdraw one's own open refund request."""
    refund_requests.withdraw(db.session(), user_id=user().id, order_id=order_id)
    return envelope.success(_own(order_id))


@blueprint.get("/admin/refund-requests")
@admin
@operation(gives=Listed[RefundRequestAnswer])
def list_all(query: PageQuery) -> Response:
    """List the open refund requests of all buyers, oldest first."""
    page = refund_request_queries.queue(db.session(), page=bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/admin/refund-requests/<order_id>/decline")
@admin
@operation(
    gives=RefundRequestAnswer,
    errors=(NotFound, RefundNotRequested),
)
def decline(order_id: str, body: Refusal) -> Response:
    """Decline a refund request; its buyer is notified and sees the reason."""
    refund_requests.decline(db.session(), admin_id=user().id, order_id=order_id, note=body.reason)
    return envelope.success(refund_request_queries.one(db.session(), order_id=order_id))


def _own(order_id: str) -> OrderDetail:
    return payment_queries.detail(
        db.session(), payment_addresses(), user_id=user().id, order_id=order_id
    )
