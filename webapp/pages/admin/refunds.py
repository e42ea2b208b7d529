"""/admin/refund: refund a picture or a payment, after a preview of the effects."""

from typing import Annotated

from flask import Blueprint, render_template
from pydantic import Field
from werkzeug.wrappers import Response

from webapp.domain.errors import GenerationNotFound, NotFound, ServiceUnavailable
from webapp.domain.gateways.payments import PaymentsUnavailable
from webapp.domain.models.ledger import TransferKind
from webapp.domain.queries import ledger as ledger_queries, refunds as refund_queries
from webapp.domain.queries.ledger import LedgerFilter, PostedTransfer
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services import generation_refunds, purchase_refunds
from webapp.extensions import db, payment_provider, storage, unit_of_work
from webapp.http.access import admin, own_transactions, user
from webapp.pages.admin import forms, labels
from webapp.schemas.admin import RefundRequest
from webapp.schemas.fields import Body, SeenText

blueprint = Blueprint("refunds", __name__)
RECENT = 10


class RefundQuery(Body):
    """GET /admin/refund: a picture or a payment."""

    generation_id: forms.Picture | None = None
    order_id: Annotated[SeenText, Field(max_length=64)] | None = None


@blueprint.get("/refund")
@admin
def show() -> str:
    """Show the search form, or the effects of a refund."""
    query = forms.query(RefundQuery)
    image = purchase = None
    recent: list[PostedTransfer] = []
    is_unknown = False
    generation_id = forms.picture_number(query.generation_id)
    try:
        if generation_id is not None:
            image = refund_queries.of_generation(
                db.session(), storage(), generation_id=generation_id
            )
        elif query.order_id is not None:
            purchase = refund_queries.of_purchase(db.session(), order_id=query.order_id)
        else:
            recent = _recent()
    except (GenerationNotFound, NotFound):
        is_unknown = True
    return render_template(
        "admin/refund.html",
        image=image,
        purchase=purchase,
        query=query,
        is_unknown=is_unknown,
        recent=recent,
    )


def _recent() -> list[PostedTransfer]:
    """Return the last refunds that administrators made, of pictures and of payments."""
    refunds = [
        transfer
        for kind in (TransferKind.REVERSAL, TransferKind.PURCHASE_REFUND)
        for transfer in ledger_queries.transfers(
            db.session(), filters=LedgerFilter(kind=kind), page=PageRequest(limit=RECENT)
        ).results
    ]
    return sorted(refunds, key=lambda each: each.created_at, reverse=True)[:RECENT]


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
