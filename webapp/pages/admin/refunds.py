"""/admin/refund: refund a picture or a payment, after a preview of the effects."""

from typing import Annotated

from flask import Blueprint, render_template
from pydantic import Field
from werkzeug.wrappers import Response

from webapp.domain.errors import GenerationNotFound, NotFound, ServiceUnavailable
from webapp.domain.gateways.payments import PaymentsUnavailable
from webapp.domain.queries import refunds as refund_queries
from webapp.domain.services import generation_refunds, purchase_refunds
from webapp.extensions import db, payment_provider, storage, unit_of_work
from webapp.http.access import admin, own_transactions, user
from webapp.pages.admin import forms, labels
from webapp.schemas.admin import RefundRequest
from webapp.schemas.fields import Body, Id, SeenText

blueprint = Blueprint("refunds", __name__)


class RefundQuery(Body):
    """GET /admin/refund: a picture or a payment."""

    generation_id: Id | None = None
    order_id: Annotated[SeenText, Field(max_length=64)] | None = None


@blueprint.get("/refund")
@admin
def show() -> str:
    """Show the search form, or the effects of a refund."""
    query = forms.query(RefundQuery)
    image = purchase = None
    is_unknown = False
    try:
        if query.generation_id is not None:
            image = refund_queries.of_generation(
                db.session(), storage(), generation_id=query.generation_id
            )
        elif query.order_id is not None:
            purchase = refund_queries.of_purchase(db.session(), order_id=query.order_id)
    except (GenerationNotFound, NotFound):
        is_unknown = True
    return render_template(
        "admin/refund.html", image=image, purchase=purchase, query=query, is_unknown=is_unknown
    )


@blueprint.post("/refund")
@own_transactions
@admin
def refund() -> Response:
    """Refund. The provider may be slow, so it is called between short transactions."""

    def action() -> str:
        form = forms.form(RefundRequest)
        admin_id = user().id
        if form.order_id is not None:
            purchase_refunds.refund_purchase(
                unit_of_work,
                payment_provider(),
                admin_id=admin_id,
                order_id=form.order_id,
                reason=form.reason,
            )
        else:
            with unit_of_work() as session:
                generation_refunds.refund_generation(
                    session,
                    admin_id=admin_id,
                    generation_id=form.generation_id or 0,
                    reason=form.reason,
                )
        return "refunded"

    try:
        return forms.respond(action)
    except PaymentsUnavailable:
        return forms.refuse(str(labels.PROVIDER_AWAY), ServiceUnavailable.status)
