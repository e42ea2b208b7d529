"""/tokens/purchase(s), and the webhook of the payment provider."""

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import (
    CallbackUnauthorized,
    InvalidPackage,
    NotFound,
    PaymentFailed,
    PurchaseExpired,
)
from webapp.domain.gateways.payments import PaymentsUnavailable
from webapp.domain.models.payment import PurchaseStatus
from webapp.domain.queries import payments as payment_queries
from webapp.domain.queries.payments import Order
from webapp.domain.services import payments, purchases
from webapp.extensions import db, payment_addresses, payment_provider, unit_of_work
from webapp.http import access, bodies, envelope
from webapp.http.access import own_transactions, signed_in, user
from webapp.http.operations import Idempotency, operation
from webapp.schemas.fields import Listed
from webapp.schemas.payments import (
    Confirmation,
    EventTaken,
    FailQuery,
    ListedOrder,
    NewOrder,
    OrderDetail,
    PaymentEvent,
    PurchaseListQuery,
    PurchaseRequest,
    SuccessQuery,
)

blueprint = Blueprint("payments", __name__)
LOCATION = "/api/v1/tokens/purchases/{order_id}"


@blueprint.post("/tokens/purchase")
@signed_in
@operation(
    gives=NewOrder,
    status=201,
    errors=(InvalidPackage,),
    idempotent=Idempotency("POST /tokens/purchase", LOCATION),
    links={"order_id": "/order_id"},
)
def create(body: PurchaseRequest) -> Order:
    """Order a package; it is paid on the provider's page."""
    order = purchases.order_tokens(db.session(), user_id=user().id, package_id=body.package_id)
    return payment_queries.order(order, payment_addresses())


@blueprint.get("/tokens/purchase/success")
@own_transactions
@signed_in
@operation(status=302, errors=(NotFound,))
def succeed(query: SuccessQuery) -> AnyResponse:
    """Redirect a buyer who approved: confirm the payment, and show its status in the wallet."""
    try:
        _confirm(query.order_id, query.payment_key, query.amount)
    except PurchaseExpired:
        return _to_wallet(query.order_id, PurchaseStatus.EXPIRED)
    except PaymentFailed:
        return _to_wallet(query.order_id, PurchaseStatus.FAILED)
    except PaymentsUnavailable:
        # The outcome is unknown: “failed” could make the buyer pay twice, “paid” may be wrong.
        return _to_wallet(query.order_id, PurchaseStatus.AUTHORIZED)
    return _to_wallet(query.order_id, PurchaseStatus.PAID)


@blueprint.get("/tokens/purchase/fail")
@signed_in
@operation(status=302, errors=(NotFound,))
def fail(query: FailQuery) -> AnyResponse:
    """Redirect a buyer who canceled or was refused: record the failure."""
    purchase = purchases.fail(
        db.session(),
        user_id=user().id,
        order_id=query.order_id,
        code=query.code,
        message=query.message,
    )
    return _to_wallet(purchase.order_id, purchase.status)


@blueprint.post("/tokens/purchases/<order_id>/confirm")
@own_transactions
@signed_in
@operation(gives=OrderDetail, errors=(PaymentFailed, PurchaseExpired, NotFound))
def confirm(order_id: str, body: Confirmation) -> Response:
    """Confirm an approved payment; repeated, it adds nothing twice."""
    _confirm(order_id, body.payment_key, body.amount)
    with unit_of_work() as session:
        return envelope.success(
            payment_queries.detail(
                session, payment_addresses(), user_id=user().id, order_id=order_id
            )
        )


@blueprint.get("/tokens/purchases")
@signed_in
@operation(gives=Listed[ListedOrder], links={"order_id": "/results/0/order_id"})
def list_own(query: PurchaseListQuery) -> Response:
    """List one's own orders, newest first."""
    page = payment_queries.own(
        db.session(),
        payment_addresses(),
        user_id=user().id,
        status=query.status,
        page=bodies.page(query),
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/tokens/purchases/<order_id>")
@signed_in
@operation(gives=OrderDetail, errors=(NotFound,))
def show(order_id: str) -> Response:
    """Show one's own order."""
    return envelope.success(
        payment_queries.detail(
            db.session(), payment_addresses(), user_id=user().id, order_id=order_id
        )
    )


@blueprint.post("/webhooks/toss/payment")
@own_transactions
@access.payment_provider
@operation(gives=EventTaken, errors=(CallbackUnauthorized, NotFound, PaymentFailed))
def take_event(body: PaymentEvent) -> Response:
    """Check the payment of an event with the provider; the body is only a hint."""
    applied = payments.handle_webhook(
        unit_of_work, payment_provider(), order_id=body.order_id, payment_key=body.payment_key
    )
    return envelope.success({"applied": applied})


def _confirm(order_id: str, payment_key: str, amount: int) -> None:
    payments.confirm(
        unit_of_work,
        payment_provider(),
        user_id=user().id,
        order_id=order_id,
        payment_key=payment_key,
        amount=amount,
    )


def _to_wallet(order_id: str, status: str) -> AnyResponse:
    return redirect(f"/tokens?{urlencode({'order': order_id, 'status': status})}")
