"""/admin/payouts: payout requests of artists, to be settled, declined or taken back."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.payout import PayoutStatus
from webapp.domain.queries import payouts as payout_queries
from webapp.domain.queries.payouts import Sources
from webapp.domain.services import payouts
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import forms
from webapp.schemas.payouts import PayoutListQuery, Settlement

blueprint = Blueprint("payouts", __name__)


@blueprint.get("/payouts")
@admin
def index() -> str:
    """Show payout requests, oldest first; without a filter, the open ones."""
    query = forms.query(PayoutListQuery)
    status = None if query.status == "all" else query.status
    page = payout_queries.queue(db.session(), status=status, page=bodies.page(query))
    artist_ids = {each.artist.id for each in page.results if each.status == PayoutStatus.REQUESTED}
    sources = payout_queries.sources(db.session(), artist_ids) if artist_ids else {}
    return render_template(
        "admin/payouts.html",
        page=page,
        status=query.status,
        sources={artist_id: sources.get(artist_id, Sources()) for artist_id in artist_ids},
    )


@blueprint.post("/payouts/<id:payout_id>/settle")
@admin
def settle(payout_id: int) -> Response:
    """Record that a request was paid."""

    def action() -> str:
        form = forms.form(Settlement)
        is_told = payouts.settle(
            db.session(),
            admin_id=user().id,
            payout_id=payout_id,
            paid_krw=form.paid_krw,
            reference=form.reference,
            note=form.note,
        )
        return "settled" if is_told else "settled_closed"

    return forms.respond(action)


@blueprint.post("/payouts/<id:payout_id>/decline")
@admin
def decline(payout_id: int) -> Response:
    """Decline a request, with a reason for the artist."""
    return forms.decline(
        lambda reason: payouts.decline(
            db.session(), admin_id=user().id, payout_id=payout_id, reason=reason
        ),
        "declined",
    )


@blueprint.post("/payouts/<id:payout_id>/return")
@admin
def return_paid(payout_id: int) -> Response:
    """Record that the bank returned the money of a settled request."""
    return forms.decline(
        lambda reason: payouts.return_paid(
            db.session(), admin_id=user().id, payout_id=payout_id, reason=reason
        ),
        "returned",
        "returned_closed",
    )
