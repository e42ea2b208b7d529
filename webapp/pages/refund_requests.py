"""/wallet/purchases/:order_id/refund-request: ask for a refund, or withdraw the request."""

from functools import partial

from flask import Blueprint, redirect, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DomainError
from webapp.domain.services import refund_requests
from webapp.extensions import db
from webapp.http import idempotency
from webapp.http.access import signed_in, user
from webapp.pages import wallet
from webapp.pages.problems import by_field
from webapp.schemas.refund_requests import NewRefundRequest

blueprint = Blueprint("refund_requests", __name__)


@blueprint.post("/wallet/purchases/<order_id>/refund-request")
@signed_in
def request_refund(order_id: str) -> AnyResponse | tuple[str, int]:
    """Ask for the refund of an own payment."""
    try:
        body = NewRefundRequest.model_validate(request.form.to_dict())
        idempotency.form_once(
            "POST /wallet/purchases/:order_id/refund-request",
            {"order_id": order_id} | body.model_dump(),
            partial(_request, order_id, body.reason),
        )
    except (ValidationError, DomainError) as error:
        texts, status = by_field(error, "reason")
        return wallet.refused(texts, "refund"), status
    return _back()


@blueprint.post("/wallet/purchases/<order_id>/refund-request/withdraw")
@signed_in
def withdraw(order_id: str) -> AnyResponse | tuple[str, int]:
    """Withdraw the own open request."""
    try:
        refund_requests.withdraw(db.session(), user_id=user().id, order_id=order_id)
    except DomainError as error:
        texts, status = by_field(error, "reason")
        return wallet.refused(texts, "refund"), status
    return _back()


def _request(order_id: str, reason: str) -> dict[str, str]:
    refund_requests.request(db.session(), user_id=user().id, order_id=order_id, reason=reason)
    return {"order_id": order_id}


def _back() -> AnyResponse:
    return redirect(url_for("pages.wallet.show", _anchor="purchases-title"), 303)
