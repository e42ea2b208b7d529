"""Refunds that buyers ask for: requested or withdrawn by the buyer, declined by an administrator.

A request changes nothing but the purchase: an administrator makes the refund (`purchase_refunds`),
which checks the balance again. A request is open while the purchase is paid, its refund has not
begun, and nobody has declined it. After a decline the buyer may ask again, which clears the
decline.

The purchase is locked before its user: refunds and `leaving` lock in this order.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    AlreadyRefunded,
    DomainError,
    InsufficientTokens,
    PaymentFailed,
    RefundNotRequested,
    RefundRequested,
)
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.services import (
    accounts,
    audit,
    notifications,
    purchase_delivery,
    purchase_refunds,
    purchases,
)
from webapp.domain.sets_errors import CreditsExhausted

DECLINED = "declined"


def request(session: Session, *, user_id: int, order_id: str, reason: str) -> None:
    """Ask for the refund of an own payment; `reason` may be empty.

    Raises NotFound, also for a payment of somebody else, PaymentFailed if nothing was paid,
    AlreadyRefunded, RefundRequested while another request is open or the refund has begun,
    InsufficientTokens or CreditsExhausted if too much was spent, and AccountInactive.
    """
    purchase = purchases.find(session, order_id, user_id=user_id)
    is_allowed = _is_refundable() & (
        Purchase.refund_requested_at.is_(None) | Purchase.refund_declined_at.is_not(None)
    )
    requested = _change(
        session,
        purchase.id,
        is_allowed,
        refund_requested_at=func.clock_timestamp(),
        refund_reason=reason or None,
        refund_declined_at=None,
        refund_decline_note=None,
    )
    if requested is None:
        raise _refusal(session, order_id)
    accounts.lock_active(session, user_id)
    required = purchase_delivery.amount(requested)
    available = purchase_delivery.spendable(session, requested)
    if available < required:
        is_of_tokens = requested.product == Product.TOKENS
        too_few = InsufficientTokens if is_of_tokens else CreditsExhausted
        raise too_few(required=required, available=available)


def withdraw(session: Session, *, user_id: int, order_id: str) -> None:
    """Withdraw the own open request.

    Raises NotFound, also for a payment of somebody else, and RefundNotRequested if there is no open
    request, also if the refund has begun.
    """
    purchase = purchases.find(session, order_id, user_id=user_id)
    withdrawn = _change(
        session, purchase.id, is_open(), refund_requested_at=None, refund_reason=None
    )
    if withdrawn is None:
        raise RefundNotRequested(order_id=order_id)


def decline(session: Session, *, admin_id: int, order_id: str, note: str) -> bool:
    """Decline an open request, with a note for the buyer; return whether the buyer was notified.

    Raises NotFound, and RefundNotRequested if there is no open request.
    """
    purchase = purchases.find(session, order_id)
    declined = _change(
        session,
        purchase.id,
        is_open(),
        refund_declined_at=func.clock_timestamp(),
        refund_decline_note=note,
    )
    if declined is None:
        raise RefundNotRequested(order_id=order_id)
    audit.record(
        session,
        admin_id=admin_id,
        object_type="purchase",
        object_id=declined.id,
        before={"refund": "requested"},
        after={"refund": DECLINED, "order_id": order_id},
        reason=note,
    )
    # A request that is made again may be declined again.
    event = f"refund_request:{declined.id}:{declined.refund_declined_at}"
    return notifications.notify_if_active(
        session,
        declined.user_id,
        NotificationType.REFUND,
        target_type="purchase",
        target_id=declined.id,
        event=event,
        details={"outcome": DECLINED, "paid_krw": declined.total_price},
    )


def lock_all(session: Session, user_id: int) -> None:
    """Lock the payments of a user that have a text of the user, before the user row is locked."""
    session.execute(
        select(Purchase.id).where(_has_text_of(user_id)).order_by(Purchase.id).with_for_update()
    )


def delete_texts(session: Session, user_id: int) -> None:
    """Delete what a user wrote in requests; the requests stay, and open ones are still decided."""
    session.execute(update(Purchase).where(_has_text_of(user_id)).values(refund_reason=None))


def is_open() -> ColumnElement[bool]:
    """Return the condition that a refund is requested, as the partial index has it."""
    return and_(
        _is_refundable(),
        Purchase.refund_requested_at.is_not(None),
        Purchase.refund_declined_at.is_(None),
    )


def _is_refundable() -> ColumnElement[bool]:
    """Return the condition that a purchase is paid, and no refund has begun."""
    return and_(Purchase.status == PurchaseStatus.PAID, Purchase.refund_key.is_(None))


def _has_text_of(user_id: int) -> ColumnElement[bool]:
    return and_(Purchase.user_id == user_id, Purchase.refund_reason.is_not(None))


def _change(
    session: Session,
    purchase_id: int,
    allowed: ColumnElement[bool],
    **values: str | ColumnElement[datetime] | None,
) -> Purchase | None:
    """Change the request of a purchase, by one conditional UPDATE; None if it is not allowed."""
    changed: Purchase | None = session.scalar(
        update(Purchase)
        .where(Purchase.id == purchase_id, allowed)
        .values(updated_at=func.clock_timestamp(), **values)
        .returning(Purchase)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return changed


def _refusal(session: Session, order_id: str) -> DomainError:
    """Return why no refund of a purchase can be requested."""
    purchase = purchases.find(session, order_id)
    if purchase.status == PurchaseStatus.REFUNDED:
        return AlreadyRefunded(transaction_id=purchase_delivery.returned_by(session, purchase))
    if purchase.status != PurchaseStatus.PAID:
        return PaymentFailed(order_id=order_id, reason=purchase_refunds.NOT_PAID)
    return RefundRequested(order_id=order_id)
