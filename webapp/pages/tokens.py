"""/tokens: what one has, what can be bought, how the last purchases ended; and the way to pay."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from webapp.api import headers
from webapp.api.access import signed_in, user
from webapp.api.payments import addresses
from webapp.domain.errors import NotFound
from webapp.domain.gateways.payments import TOSS_SCRIPT
from webapp.domain.models.payment import PurchaseStatus
from webapp.domain.pagination import PageRequest
from webapp.domain.services import packages, payment_views, purchases, token_views
from webapp.extensions import app_settings, db

blueprint = Blueprint("tokens", __name__)
PURCHASES_SHOWN = 10


@blueprint.get("/tokens")
@signed_in
def show() -> str:
    """Show balance, packages and last purchases, and what became of the order one comes from."""
    page = payment_views.own(
        db.session(),
        addresses(),
        user_id=user().id,
        status=None,
        page=PageRequest(limit=PURCHASES_SHOWN),
    )
    return render_template(
        "tokens/index.html",
        tokens=token_views.balance(db.session(), user().id),
        packages=packages.on_offer(),
        purchases=page.results,
        order=_order(request.args.get("order", "")),
    )


@blueprint.post("/tokens/purchase")
@signed_in
def buy() -> AnyResponse:
    """Order a package and go where it is paid."""
    package_id = request.form.get("package_id", "")
    made = purchases.purchase(db.session(), user_id=user().id, package_id=package_id)
    return redirect(url_for("pages.tokens.pay", order_id=made.order_id), 303)


@blueprint.get("/tokens/purchase/<order_id>/pay")
@signed_in
def pay(order_id: str) -> AnyResponse:
    """Open the provider for an order: Toss by its script, its sandbox by a link."""
    order = _detail(order_id)
    if order["status"] != PurchaseStatus.PENDING:
        return redirect(url_for("pages.tokens.show", order=order_id, status=order["status"]))
    settings = app_settings()
    asked = {
        "clientKey": settings.toss_client_key,
        "orderId": order_id,
        "orderName": gettext("%(count)s tokens", count=order["amount_tokens"]),
        "amount": order["total_price"],
        "successUrl": addresses().success,
        "failUrl": addresses().fail(order_id),
    }
    sandbox = settings.toss_base_url and f"{settings.toss_base_url}/checkout?{urlencode(asked)}"
    answer = make_response(
        render_template(
            "tokens/pay.html", order=order, asked=asked, sandbox=sandbox, script=TOSS_SCRIPT
        )
    )
    if not sandbox:
        headers.allow_payment_window(answer, settings)
    return answer


def _order(order_id: str) -> dict[str, Any] | None:
    """Return the order that an address names, if it is one's own; the rest is not believed."""
    try:
        return _detail(order_id)
    except NotFound:
        return None


def _detail(order_id: str) -> dict[str, Any]:
    return payment_views.detail(db.session(), addresses(), user_id=user().id, order_id=order_id)
