"""/tokens: packages on offer, balances, transactions."""

from flask import Blueprint, Response

from webapp.domain.queries import tokens as token_queries
from webapp.domain.queries.tokens import TransactionFilter
from webapp.domain.services import packages
from webapp.extensions import db, storage
from webapp.http import bodies, envelope, localize
from webapp.http.access import public, signed_in, user
from webapp.http.operations import operation
from webapp.schemas.fields import Listed
from webapp.schemas.tokens import Balance, PackageView, TransactionQuery, TransactionView

blueprint = Blueprint("tokens", __name__)


@blueprint.get("/tokens/packages")
@public
@operation(gives=Listed[PackageView])
def list_packages() -> Response:
    """List the packages of tokens on sale."""
    return envelope.success(envelope.listed(packages.on_offer(), None))


@blueprint.get("/tokens/balance")
@signed_in
@operation(gives=Balance)
def read_balance() -> Response:
    """Show one's available, held and earned tokens."""
    return envelope.success(token_queries.balance(db.session(), user().id))


@blueprint.get("/tokens/transactions")
@signed_in
@operation(gives=Listed[TransactionView])
def list_transactions(query: TransactionQuery) -> Response:
    """List one's own transactions, with texts in the language of the request."""
    filters = TransactionFilter(**query.model_dump(exclude={"cursor", "limit"}))
    page = token_queries.transactions(
        db.session(),
        storage(),
        user_id=user().id,
        filters=filters,
        page=bodies.page(query),
    )
    results = [localize.transaction(row) for row in page.results]
    return envelope.success(envelope.listed(results, page.next_cursor))
