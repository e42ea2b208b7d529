"""/tokens: packages on offer, balances, transactions, earned tokens made available."""

from flask import Blueprint, Response

from webapp.domain.errors import InsufficientTokens
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import tokens as token_queries
from webapp.domain.queries.tokens import Balance as BalanceOfUser, TransactionFilter
from webapp.domain.services import earnings, packages
from webapp.extensions import db, storage
from webapp.http import bodies, envelope, localize
from webapp.http.access import allows_keys, public, signed_in, user
from webapp.http.operations import Idempotency, operation
from webapp.schemas.fields import Listed
from webapp.schemas.tokens import (
    Balance,
    Conversion,
    PackageView,
    TransactionQuery,
    TransactionView,
)

blueprint = Blueprint("tokens", __name__)


@blueprint.get("/tokens/packages")
@allows_keys(Scope.READ)
@public
@operation(gives=Listed[PackageView])
def list_packages() -> Response:
    """List the packages of tokens on sale."""
    return envelope.success(envelope.listed(packages.on_offer(), None))


@blueprint.get("/tokens/balance")
@allows_keys(Scope.READ)
@signed_in
@operation(gives=Balance)
def read_balance() -> Response:
    """Show one's available, held and earned tokens."""
    return envelope.success(token_queries.balance(db.session(), user().id))


@blueprint.post("/tokens/conversions")
@signed_in
@operation(
    gives=Balance,
    status=201,
    errors=(InsufficientTokens,),
    idempotent=Idempotency("POST /tokens/conversions", "/api/v1/tokens/balance"),
)
def convert(body: Conversion) -> BalanceOfUser:
    """Make earned tokens available for pictures."""
    earnings.convert(db.session(), user().id, body.amount)
    return token_queries.balance(db.session(), user().id)


@blueprint.get("/tokens/transactions")
@allows_keys(Scope.READ)
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
