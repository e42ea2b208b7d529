"""/tokens: packages on offer, balances, transactions."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext

from webapp.api import bodies, envelope
from webapp.api.access import public, signed_in, user
from webapp.api.operations import operation
from webapp.domain.services import packages, token_views
from webapp.domain.services.token_views import TransactionFilter
from webapp.extensions import db, storage
from webapp.schemas.fields import Listed
from webapp.schemas.tokens import Balance, PackageView, TransactionQuery, TransactionView

blueprint = Blueprint("tokens", __name__)


@blueprint.get("/tokens/packages")
@public
@operation(gives=Listed[PackageView])
def list_packages() -> Response:
    """List what is on offer."""
    return envelope.success(envelope.listed(packages.on_offer(), None))


@blueprint.get("/tokens/balance")
@signed_in
@operation(gives=Balance)
def read_balance() -> Response:
    """Show what one can spend, has in orders, and has earned."""
    return envelope.success(token_views.balance(db.session(), user().id))


@blueprint.get("/tokens/transactions")
@signed_in
@operation(gives=Listed[TransactionView])
def list_transactions(query: TransactionQuery) -> Response:
    """List one's own transactions, told in one's own language."""
    wanted = TransactionFilter(**query.model_dump(exclude={"cursor", "limit"}))
    page = token_views.transactions(
        db.session(),
        storage(),
        user_id=user().id,
        wanted=wanted,
        page=bodies.page(query),
    )
    results = [told(row) for row in page.results]
    return envelope.success(envelope.listed(results, page.next_cursor))


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a transaction with its words, in the language of the request."""
    style = (row["related_style"] or {}).get("name", "")
    return row | {"memo": gettext("memo." + row["memo"]) % {"style": style}}
