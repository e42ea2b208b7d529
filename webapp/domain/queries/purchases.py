"""Read purchases for administrators: one, those of a user, and those without an outcome."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.account import User
from webapp.domain.models.documents import PaymentFailure
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.queries.answers import UserName, extended
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest

MOST_OPEN = 100
REFUND, PAYMENT, OVERDUE = "refund", "payment", "overdue"
IS_REFUNDING = and_(Purchase.status == PurchaseStatus.PAID, Purchase.refund_key.is_not(None))
# The condition of the partial index, written as the index has it.
IS_UNPAID = Purchase.status.in_([PurchaseStatus.PENDING.value, PurchaseStatus.AUTHORIZED.value])


@dataclass(frozen=True, slots=True)
class UserPurchase:
    """A purchase with its buyer, for administrators.

    `failure` is a JSON column: `code` and `message` of the provider, and its further fields.
    """

    order_id: str
    user: UserName
    product: Product
    amount_tokens: int
    amount_credits: int
    total_price: int
    status: PurchaseStatus
    payment_key: str | None
    is_refunding: bool
    receipt_url: str | None
    failure: PaymentFailure | None
    created_at: datetime
    expires_at: datetime
    approved_at: datetime | None
    refund_requested_at: datetime | None
    refund_reason: str | None
    refund_declined_at: datetime | None
    refund_decline_note: str | None
    refunded_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OpenPurchase(UserPurchase):
    """A purchase without an outcome; `missing` is REFUND, PAYMENT or OVERDUE."""

    missing: str


def is_open() -> ColumnElement[bool]:
    """Return the condition that a refund or a payment has started, or expired, without outcome."""
    is_expired = Purchase.expires_at <= func.clock_timestamp()
    is_authorized = Purchase.status == PurchaseStatus.AUTHORIZED
    return or_(IS_REFUNDING, and_(IS_UNPAID, is_authorized | is_expired))


def without_outcome(session: Session) -> list[OpenPurchase]:
    """Return at most MOST_OPEN payments and refunds without an outcome, oldest first."""
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
    return [extended(OpenPurchase, _purchase(row), missing=row.missing) for row in rows]


def of_user(session: Session, *, user_id: int, page: PageRequest) -> Page[UserPurchase]:
    """List a user's purchases, newest first."""
    keyset = Keyset(
        [(Purchase.created_at, "created_at", datetime), (Purchase.id, "id", int)],
        {"list": "admin purchases", "user_id": user_id},
    )
    ids = keyset.apply(select(Purchase.id).where(Purchase.user_id == user_id), page)
    rows = session.execute(keyset.look_up(_purchases(), ids)).all()
    return keyset.page(rows, page, _purchase)


def one(session: Session, *, order_id: str) -> UserPurchase:
    """Return one purchase. Raises NotFound."""
    row = session.execute(_purchases().where(Purchase.order_id == order_id)).one_or_none()
    if row is None:
        raise NotFound(resource="purchase", id=order_id)
    return _purchase(row)


def _purchases() -> AnySelect:
    return select(*Purchase.__table__.columns, User.username).join(
        User, User.id == Purchase.user_id
    )


def _purchase(row: AnyRow) -> UserPurchase:
    return UserPurchase(
        order_id=row.order_id,
        user=UserName(row.user_id, row.username),
        product=row.product,
        amount_tokens=row.amount_tokens,
        amount_credits=row.amount_credits,
        total_price=row.total_price,
        status=row.status,
        payment_key=row.payment_key,
        is_refunding=row.refund_key is not None and row.status == PurchaseStatus.PAID,
        receipt_url=row.receipt_url,
        failure=row.failure,
        created_at=row.created_at,
        expires_at=row.expires_at,
        approved_at=row.approved_at,
        refund_requested_at=row.refund_requested_at,
        refund_reason=row.refund_reason,
        refund_declined_at=row.refund_declined_at,
        refund_decline_note=row.refund_decline_note,
        refunded_at=row.refunded_at,
        updated_at=row.updated_at,
    )
