"""Purchases as administrators see them: whose, how far they came, and those without an end."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.account import User
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest

MOST_OPEN = 100
REFUND, PAYMENT, OVERDUE = "refund", "payment", "overdue"
IS_REFUNDING = and_(Purchase.status == PurchaseStatus.PAID, Purchase.refund_key.is_not(None))
# In the words of the index: of the open ones, those that were asked for, or ran out.
IS_UNPAID = Purchase.status.in_([PurchaseStatus.PENDING.value, PurchaseStatus.AUTHORIZED.value])


def is_open() -> ColumnElement[bool]:
    """Return the condition that a payment or a refund has begun, or ran out, and has no end yet."""
    ran_out = Purchase.expires_at <= func.clock_timestamp()
    is_asked = Purchase.status == PurchaseStatus.AUTHORIZED
    return or_(IS_REFUNDING, and_(IS_UNPAID, is_asked | ran_out))


def without_end(session: Session) -> list[dict[str, Any]]:
    """Return the payments and refunds nobody has told the end of, the oldest first."""
    missing = case(
        (IS_REFUNDING, literal(REFUND)),
        (Purchase.status == PurchaseStatus.AUTHORIZED, literal(PAYMENT)),
        else_=literal(OVERDUE),
    )
    rows = session.execute(
        _purchases()
        .add_columns(missing.label("missing"))
        .where(is_open())
        .order_by(Purchase.updated_at, Purchase.id)
        .limit(MOST_OPEN)
    )
    return [_purchase(row) | {"missing": row.missing} for row in rows]


def of_person(session: Session, *, user_id: int, page: PageRequest) -> Page:
    """List a person's purchases, newest first."""
    keyset = Keyset(
        [(Purchase.created_at, "created_at", datetime), (Purchase.id, "id", int)],
        {"list": "admin purchases", "user_id": user_id},
    )
    ids = keyset.apply(select(Purchase.id).where(Purchase.user_id == user_id), page)
    rows = session.execute(keyset.look_up(_purchases(), ids)).all()
    return keyset.page(rows, page, _purchase)


def one(session: Session, *, order_id: str) -> dict[str, Any]:
    """Return one purchase. Raises NotFound."""
    row = session.execute(_purchases().where(Purchase.order_id == order_id)).one_or_none()
    if row is None:
        raise NotFound(resource="purchase", id=order_id)
    return _purchase(row)


def _purchases() -> AnySelect:
    return select(*Purchase.__table__.columns, User.username).join(
        User, User.id == Purchase.user_id
    )


def _purchase(row: AnyRow) -> dict[str, Any]:
    return {
        "order_id": row.order_id,
        "user": {"id": row.user_id, "username": row.username},
        "product": row.product,
        "amount_tokens": row.amount_tokens,
        "amount_credits": row.amount_credits,
        "total_price": row.total_price,
        "status": row.status,
        "payment_key": row.payment_key,
        "is_refunding": row.refund_key is not None and row.status == PurchaseStatus.PAID,
        "receipt_url": row.receipt_url,
        "failure": row.failure,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "approved_at": row.approved_at,
        "refunded_at": row.refunded_at,
        "updated_at": row.updated_at,
    }
