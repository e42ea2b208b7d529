"""/tokens/payouts: earned tokens paid in money; /admin/payouts: what administrators decide."""

from flask import Blueprint, Response

from webapp.domain.errors import (
    InsufficientTokens,
    InvalidTransition,
    NotFound,
    PayoutDecided,
    PayoutOpen,
)
from webapp.domain.queries import payouts as payout_queries
from webapp.domain.queries.payouts import PayoutView
from webapp.domain.services import payouts
from webapp.domain.services.payouts import PayoutTerms
from webapp.extensions import app_settings, db
from webapp.http import bodies, envelope
from webapp.http.access import admin, artist, user
from webapp.http.operations import Idempotency, operation
from webapp.schemas.admin import Refusal
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.payouts import (
    DecidedPayoutAnswer,
    NewPayout,
    PayoutAnswer,
    PayoutListQuery,
    Settlement,
)

blueprint = Blueprint("payouts", __name__)


@blueprint.get("/tokens/payouts")
@artist
@operation(gives=Listed[PayoutAnswer], links={"payout_id": "/results/0/id"})
def list_own(query: PageQuery) -> Response:
    """List one's own payout requests, newest first."""
    page = payout_queries.own(db.session(), user_id=user().id, page=bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/tokens/payouts")
@artist
@operation(
    gives=PayoutAnswer,
    status=201,
    errors=(InsufficientTokens, PayoutOpen),
    idempotent=Idempotency("POST /tokens/payouts", "/api/v1/tokens/payouts"),
)
def request_payout(body: NewPayout) -> PayoutView:
    """Ask to be paid money for earned tokens."""
    terms = PayoutTerms.of(app_settings())
    payout_id = payouts.request(db.session(), user().id, body.amount, terms)
    return payout_queries.one(db.session(), payout_id=payout_id)


@blueprint.post("/tokens/payouts/<id:payout_id>/withdraw")
@artist
@operation(gives=PayoutAnswer, errors=(NotFound, PayoutDecided))
def withdraw(payout_id: int) -> Response:
    """Withdraw one's own open request."""
    payouts.withdraw(db.session(), user().id, payout_id)
    return envelope.success(payout_queries.one(db.session(), payout_id=payout_id))


@blueprint.get("/admin/payouts")
@admin
@operation(gives=Listed[DecidedPayoutAnswer], links={"payout_id": "/results/0/id"})
def list_all(query: PayoutListQuery) -> Response:
    """List the payout requests of all artists, oldest first."""
    status = None if query.status == "all" else query.status
    page = payout_queries.queue(db.session(), status=status, page=bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/admin/payouts/<id:payout_id>/settle")
@admin
@operation(gives=DecidedPayoutAnswer, errors=(NotFound, PayoutDecided))
def settle(payout_id: int, body: Settlement) -> Response:
    """Record that a request was paid outside of this site."""
    payouts.settle(
        db.session(),
        admin_id=user().id,
        payout_id=payout_id,
        paid_krw=body.paid_krw,
        reference=body.reference,
        note=body.note,
    )
    return envelope.success(payout_queries.decided(db.session(), payout_id=payout_id))


@blueprint.post("/admin/payouts/<id:payout_id>/decline")
@admin
@operation(gives=DecidedPayoutAnswer, errors=(NotFound, PayoutDecided))
def decline(payout_id: int, body: Refusal) -> Response:
    """Decline a request; its tokens are earned tokens again."""
    payouts.decline(db.session(), admin_id=user().id, payout_id=payout_id, reason=body.reason)
    return envelope.success(payout_queries.decided(db.session(), payout_id=payout_id))


@blueprint.post("/admin/payouts/<id:payout_id>/return")
@admin
@operation(gives=DecidedPayoutAnswer, errors=(NotFound, InvalidTransition))
def return_paid(payout_id: int, body: Refusal) -> Response:
    """Record that the bank returned the money of a settled request; its tokens are earned again."""
    payouts.return_paid(db.session(), admin_id=user().id, payout_id=payout_id, reason=body.reason)
    return envelope.success(payout_queries.decided(db.session(), payout_id=payout_id))
