"""/wallet/payouts: an artist requests a payout of earned tokens, or withdraws the request."""

from functools import partial

from flask import Blueprint, redirect, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DomainError
from webapp.domain.services import payouts
from webapp.domain.services.payouts import PayoutTerms
from webapp.extensions import app_settings, db
from webapp.http import idempotency
from webapp.http.access import artist, user
from webapp.pages import wallet
from webapp.pages.problems import by_field
from webapp.schemas.payouts import NewPayout

blueprint = Blueprint("payouts", __name__)


@blueprint.post("/wallet/payouts")
@artist
def request_payout() -> AnyResponse | tuple[str, int]:
    """Request a payout of earned tokens."""
    try:
        body = NewPayout.model_validate(request.form.to_dict())
        idempotency.form_once("POST /wallet/payouts", body.model_dump(), partial(_request, body))
    except (ValidationError, DomainError) as error:
        texts, status = by_field(error, "amount")
        return wallet.refused(texts, "payout"), status
    return _back()


@blueprint.post("/wallet/payouts/<id:payout_id>/withdraw")
@artist
def withdraw(payout_id: int) -> AnyResponse | tuple[str, int]:
    """Withdraw the own open request."""
    try:
        payouts.withdraw(db.session(), user().id, payout_id)
    except DomainError as error:
        texts, status = by_field(error, "amount")
        return wallet.refused(texts, "payout"), status
    return _back()


def _request(body: NewPayout) -> dict[str, int]:
    terms = PayoutTerms.of(app_settings())
    return {"payout_id": payouts.request(db.session(), user().id, body.amount, terms)}


def _back() -> AnyResponse:
    return redirect(url_for("pages.wallet.show", _anchor="payouts-title"), 303)
