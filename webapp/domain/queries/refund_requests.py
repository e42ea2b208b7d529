"""Read the refunds that buyers ask for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.account import User
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.services import purchase_delivery, refund_requests


@dataclass(frozen=True, slots=True)
class RequestingBuyer:
    """Who asks for a refund; `available` are the tokens, or credits of Sets, that are left."""

    id: int
    username: str
    is_active: bool
    available: int


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A payment whose refund its buyer asks for, as administrators see it.

    `is_covered`: the buyer has at least as many tokens or credits as the payment added.
    """

    order_id: str
    buyer: RequestingBuyer
    product: Product
    amount_tokens: int
    amount_credits: int
    total_price: int
    approved_at: datetime | None
    is_covered: bool
    refund_requested_at: datetime | None
    refund_reason: str | None
    refund_declined_at: datetime | None
    refund_decline_note: str | None


def queue(session: Session, *, page: PageRequest) -> Page[RefundRequest]:
    """List the open requests of all buyers, oldest first."""
    keyset = Keyset(
        [
            (Purchase.refund_requested_at, "refund_requested_at", datetime),
            (Purchase.id, "id", int),
        ],
        {"list": "refund requests"},
        descending=False,
    )
    ids = keyset.apply(select(Purchase.id).where(refund_requests.is_open()), page)
    rows = session.execute(keyset.look_up(_with_buyers(), ids)).all()
    return keyset.page(rows, page, _request)


def one(session: Session, *, order_id: str) -> RefundRequest:
    """Return the request of one payment, also a declined one. Raises NotFound."""
    row = session.execute(_with_buyers().where(Purchase.order_id == order_id)).one_or_none()
    if row is None:
        raise NotFound(resource="purchase", id=order_id)
    return _request(row)


def _with_buyers() -> AnySelect:
    return select(
        *Purchase.__table__.columns,
        User.username,
        User.is_active,
        purchase_delivery.available().label("available"),
    ).join(User, User.id == Purchase.user_id)


def _request(row: AnyRow) -> RefundRequest:
    return RefundRequest(
        order_id=row.order_id,
        buyer=RequestingBuyer(row.user_id, row.username, row.is_active, row.available),
        product=row.product,
        amount_tokens=row.amount_tokens,
        amount_credits=row.amount_credits,
        total_price=row.total_price,
        approved_at=row.approved_at,
        is_covered=(row.amount_tokens or row.amount_credits) <= row.available,
        refund_requested_at=row.refund_requested_at,
        refund_reason=row.refund_reason,
        refund_declined_at=row.refund_declined_at,
        refund_decline_note=row.refund_decline_note,
    )
