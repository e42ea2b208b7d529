"""/sets/packages and their orders; /tokens/purchases shows and confirms them."""

from flask import Blueprint, Response

from webapp.api.payments import LOCATION
from webapp.domain.errors import InvalidPackage
from webapp.domain.queries import payments as payment_queries
from webapp.domain.queries.payments import Order
from webapp.domain.services import sets_purchases
from webapp.extensions import db, payment_addresses
from webapp.http import envelope
from webapp.http.access import public, signed_in, user
from webapp.http.operations import Idempotency, operation
from webapp.schemas.fields import Listed
from webapp.schemas.payments import NewOrder
from webapp.schemas.sets_purchases import CreditsOrder, OfferView, PlanOrder

blueprint = Blueprint("sets_purchases", __name__)


@blueprint.get("/sets/packages")
@public
@operation(gives=Listed[OfferView])
def list_packages() -> Response:
    """List the packages of Sets on sale."""
    return envelope.success(envelope.listed(sets_purchases.offers(), None))


@blueprint.post("/sets/credits/purchase")
@signed_in
@operation(
    gives=NewOrder,
    status=201,
    errors=(InvalidPackage,),
    idempotent=Idempotency("POST /sets/credits/purchase", LOCATION),
    links={"order_id": "/order_id"},
)
def buy_credits(body: CreditsOrder) -> Order:
    """Order credits for the user's account; they are paid on the provider's page."""
    order = sets_purchases.order_credits(db.session(), user=user(), package_id=body.package_id)
    return payment_queries.order(order, payment_addresses())


@blueprint.post("/sets/plan/purchase")
@signed_in
@operation(
    gives=NewOrder,
    status=201,
    errors=(InvalidPackage,),
    idempotent=Idempotency("POST /sets/plan/purchase", LOCATION),
    links={"order_id": "/order_id"},
)
def buy_plan(body: PlanOrder) -> Order:
    """Order a month of the plan pro; a running one is extended."""
    order = sets_purchases.order_plan(db.session(), user=user(), package_id=body.package_id)
    return payment_queries.order(order, payment_addresses())
