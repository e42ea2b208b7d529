"""Refunds of purchases: the provider returns the money, and the tokens or credits are debited.

As with payments, the request to the provider is sent between two short transactions. The purchase
has the refund's key from its beginning until its result is recorded. The sweep and the webhook
finish refunds whose process ended.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from failpoints import failpoint
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import AlreadyRefunded, PaymentFailed
from webapp.domain.gateways.payments import (
    PaymentProvider,
    PaymentRefused,
    PaymentStatus,
    PaymentsUnavailable,
)
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.services import audit, notifications, purchase_delivery, purchases

log = structlog.get_logger()
RESUME_AFTER = timedelta(minutes=1)
# The provider displays these to the buyer; the administrator's reason is in the audit log.
REASONS = {
    Product.TOKENS: "Tokens returned",
    Product.SETS_CREDITS: "Credits returned",
    Product.SETS_PRO: "Plan returned",
}
NOT_PAID, TOKENS_SPENT, CREDITS_SPENT = "not_paid", "tokens_spent", "credits_spent"


@dataclass(frozen=True)
class PurchaseRefund:
    """A finished refund: the debited tokens or credits, and the id of the ledger's row."""

    order_id: str
    purchase_id: int
    product: Product
    amount: int
    transaction_id: int

    @property
    def unit(self) -> str:
        """Return the unit of the amount."""
        return "token" if self.product == Product.TOKENS else "credit"


@dataclass(frozen=True)
class RefundRequest:
    """The parameters of a cancel request, read in the transaction before it."""

    purchase_id: int
    order_id: str
    payment_key: str
    refund_key: str
    product: Product

    @classmethod
    def of(cls, purchase: Purchase) -> "RefundRequest":
        """Return the cancel request of a purchase whose refund has begun."""
        return cls(
            purchase.id,
            purchase.order_id,
            purchase.payment_key or "",
            purchase.refund_key or "",
            purchase.product,
        )


def refund_purchase(
    unit_of_work: UnitOfWork,
    provider: PaymentProvider,
    *,
    admin_id: int,
    order_id: str,
    reason: str,
) -> PurchaseRefund:
    """Let the provider return the money, then debit the tokens or credits.

    The audit entry is written at the beginning, because another process may finish the refund.

    Raises NotFound, AlreadyRefunded, PaymentFailed (never paid, spent, or the provider
    refuses) and PaymentsUnavailable (the result is unknown; the sweep retries).
    """
    with unit_of_work() as session:
        request = _begin(session, order_id)
        audit.record(
            session,
            admin_id=admin_id,
            object_type="purchase",
            object_id=request.purchase_id,
            before={"status": PurchaseStatus.PAID},
            after={"refund": "begun", "order_id": order_id},
            reason=reason,
        )
    _finish(unit_of_work, provider, request)
    with unit_of_work() as session:
        purchase = purchases.find(session, order_id)
        return PurchaseRefund(
            order_id=order_id,
            purchase_id=purchase.id,
            product=purchase.product,
            amount=purchase_delivery.amount(purchase),
            transaction_id=purchase_delivery.returned_by(session, purchase),
        )


def resume(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, min_age: timedelta = RESUME_AFTER
) -> int:
    """Retry the unfinished refunds older than `min_age`; return how many."""
    with unit_of_work() as session:
        unfinished = session.scalars(
            select(Purchase).where(
                Purchase.status == PurchaseStatus.PAID,
                Purchase.refund_key.is_not(None),
                Purchase.updated_at < func.clock_timestamp() - min_age,
            )
        )
        requests = [RefundRequest.of(purchase) for purchase in unfinished]
    for request in requests:
        try:
            _finish(unit_of_work, provider, request)
        except (PaymentFailed, PaymentsUnavailable):
            log.exception("refund not finished", order_id=request.order_id)
    return len(requests)


def begin(session: Session, purchase: Purchase) -> None:
    """Begin the refund of a paid purchase; the sweep sends the request to the provider."""
    session.execute(
        update(Purchase)
        .where(Purchase.id == purchase.id, Purchase.status == PurchaseStatus.PAID)
        .values(
            refund_key=func.coalesce(Purchase.refund_key, str(uuid4())),
            updated_at=func.clock_timestamp(),
        )
    )


def record_cancellation(session: Session, purchase: Purchase) -> None:
    """Record that the provider has returned the money of a paid purchase.

    If the refund was not begun here, an operator must decide about the tokens: errors page.
    """
    if purchase.refund_key is None:
        log.error("payment canceled at the provider, not by us", order_id=purchase.order_id)
        return
    try:
        with session.begin_nested():
            _take_back(session, purchase.order_id)
    except purchase_delivery.SPENT:
        log.exception("money returned, tokens spent meanwhile", order_id=purchase.order_id)


def _begin(session: Session, order_id: str) -> RefundRequest:
    purchase = purchases.find(session, order_id)
    if purchase.status == PurchaseStatus.REFUNDED:
        raise AlreadyRefunded(transaction_id=purchase_delivery.returned_by(session, purchase))
    if purchase.status != PurchaseStatus.PAID:
        raise PaymentFailed(order_id=order_id, reason=NOT_PAID)
    if purchase_delivery.spendable(session, purchase) < purchase_delivery.amount(purchase):
        raise PaymentFailed(order_id=order_id, reason=_spent(purchase.product))
    begin(session, purchase)
    return RefundRequest.of(purchases.find(session, order_id))


def _finish(unit_of_work: UnitOfWork, provider: PaymentProvider, request: RefundRequest) -> None:
    try:
        provider.cancel(
            payment_key=request.payment_key,
            reason=REASONS[request.product],
            idempotency_key=request.refund_key,
        )
    except PaymentRefused as refusal:
        payment = provider.payment(request.payment_key)
        if payment is None or payment.status != PaymentStatus.CANCELED:
            with unit_of_work() as session:
                _clear(session, request, refusal.code)
            raise PaymentFailed(order_id=request.order_id, reason=refusal.code) from refusal
    failpoint("after_cancellation")
    try:
        with unit_of_work() as session:
            _take_back(session, request.order_id)
    except purchase_delivery.SPENT:
        # The refund stays begun: the sweep debits the tokens once the balance is sufficient.
        log.exception("money returned, tokens spent meanwhile", order_id=request.order_id)
        raise PaymentFailed(order_id=request.order_id, reason=_spent(request.product)) from None


def _spent(product: Product) -> str:
    return TOKENS_SPENT if product == Product.TOKENS else CREDITS_SPENT


def _take_back(session: Session, order_id: str) -> None:
    """Set the purchase to refunded and debit what it credited, unless this was done before.

    The buyer is notified. Raises one of `purchase_delivery.SPENT`.
    """
    refunded_id = session.scalar(
        update(Purchase)
        .where(Purchase.order_id == order_id, Purchase.status == PurchaseStatus.PAID)
        .values(
            status=PurchaseStatus.REFUNDED,
            refunded_at=func.clock_timestamp(),
            updated_at=func.clock_timestamp(),
        )
        .returning(Purchase.id)
    )
    if refunded_id is None:
        return
    purchase = purchases.find(session, order_id)
    purchase_delivery.take_back(session, purchase)
    notifications.notify_if_active(
        session,
        purchase.user_id,
        NotificationType.REFUND,
        target_type="purchase",
        target_id=purchase.id,
        details={"product": str(purchase.product)},
    )


def _clear(session: Session, request: RefundRequest, code: str) -> None:
    """Clear the key of a refund that the provider refused; another refund needs a new key.

    The refusal is logged with the name and the reason of the administrator who began the refund.
    """
    cleared_id = session.scalar(
        update(Purchase)
        .where(Purchase.order_id == request.order_id, Purchase.refund_key == request.refund_key)
        .values(refund_key=None, updated_at=func.clock_timestamp())
        .returning(Purchase.id)
    )
    if cleared_id is None:
        return
    begun = audit.last(session, object_type="purchase", object_id=request.purchase_id)
    if begun is None:
        return
    audit.record(
        session,
        admin_id=begun.admin_id,
        object_type="purchase",
        object_id=request.purchase_id,
        before={"refund": "begun"},
        after={"refund": "refused", "code": code, "order_id": request.order_id},
        reason=begun.reason,
    )
