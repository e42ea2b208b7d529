"""/admin/refund: give the price of an image or of a purchase back, after seeing what that does."""

from typing import Annotated

from flask import Blueprint, render_template
from pydantic import Field
from werkzeug.wrappers import Response

from webapp.domain.errors import GenerationNotFound, NotFound, ServiceUnavailable
from webapp.domain.gateways.payments import PaymentsUnavailable
from webapp.domain.queries import refunds as refund_queries
from webapp.domain.services import generation_refunds, purchase_refunds
from webapp.extensions import db, payment_provider, storage, unit_of_work
from webapp.http.access import admin, in_steps, user
from webapp.pages.admin import answers, terms
from webapp.schemas.admin import RefundRequest
from webapp.schemas.fields import Body, Id, SeenText

blueprint = Blueprint("refunds", __name__)


class RefundQuery(Body):
    """GET /admin/refund: of which image, or of which purchase."""

    generation_id: Id | None = None
    order_id: Annotated[SeenText, Field(max_length=64)] | None = None


@blueprint.get("/refund")
@admin
def show() -> str:
    """Ask for what, or tell what its refund would do and to whom."""
    asked = answers.asked(RefundQuery)
    image = purchase = None
    is_unknown = False
    try:
        if asked.generation_id is not None:
            image = refund_queries.of_generation(
                db.session(), storage(), generation_id=asked.generation_id
            )
        elif asked.order_id is not None:
            purchase = refund_queries.of_purchase(db.session(), order_id=asked.order_id)
    except (GenerationNotFound, NotFound):
        is_unknown = True
    return render_template(
        "admin/refund.html", image=image, purchase=purchase, asked=asked, is_unknown=is_unknown
    )


@blueprint.post("/refund")
@in_steps
@admin
def refund() -> Response:
    """Do it. The provider may be slow: its part stands between short transactions."""

    def act() -> str:
        form = answers.given(RefundRequest)
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
        return answers.answer(act)
    except PaymentsUnavailable:
        return answers.refuse(str(terms.PROVIDER_AWAY), ServiceUnavailable.status)
