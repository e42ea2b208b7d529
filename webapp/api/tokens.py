"""/tokens: packages on offer, balances, transactions."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext

from webapp.api import bodies, envelope
from webapp.api.access import public, signed_in, user
from webapp.domain.services import packages, token_views
from webapp.domain.services.token_views import TransactionFilter
from webapp.extensions import db, storage
from webapp.schemas.tokens import TransactionQuery

blueprint = Blueprint("tokens", __name__)


@blueprint.get("/tokens/packages")
@public
def list_packages() -> Response:
    """List what is on offer."""
    return envelope.success(envelope.listed(packages.on_offer(), None))


@blueprint.get("/tokens/balance")
@signed_in
def read_balance() -> Response:
    """Show what one can spend, has in orders, and has earned."""
    return envelope.success(token_views.balance(db.session(), user().id))


@blueprint.get("/tokens/transactions")
@signed_in
def list_transactions() -> Response:
    """List one's own transactions, told in one's own language."""
    asked = bodies.query(TransactionQuery)
    wanted = TransactionFilter(**asked.model_dump(exclude={"cursor", "limit"}))
    page = token_views.transactions(
        db.session(),
        storage(),
        user_id=user().id,
        wanted=wanted,
        page=bodies.page(asked),
    )
    told = [_told(row) for row in page.results]
    return envelope.success(envelope.listed(told, page.next_cursor))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    style = (row["related_style"] or {}).get("name", "")
    return row | {"memo": gettext("memo." + row["memo"]) % {"style": style}}
