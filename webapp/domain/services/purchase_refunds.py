"""Give the money of a purchase back and take what it gave: begun, asked for, recorded.

As with payments, the provider is asked between two short transactions. A refund that has begun
carries its key on the purchase until its end is recorded; the sweep and the webhook finish what
somebody left behind.
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
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.services import audit, purchase_delivery, purchases

log = structlog.get_logger()
SILENT = timedelta(minutes=1)
# What the provider shows the buyer; why an administrator did it stands in the audit log.
REASONS = {
    Product.TOKENS: "Tokens returned",
    Product.SETS_CREDITS: "Credits returned",
    Product.SETS_PRO: "Plan returned",
}
NOT_PAID, TOKENS_SPENT, CREDITS_SPENT = "not_paid", "tokens_spent", "credits_spent"


@dataclass(frozen=True)
class PurchaseRefund:
    """A refund that is done: the tokens or credits taken back, and the ledger's row of it."""

    order_id: str
    purchase_id: int
    product: Product
    amount: int
    transaction_id: int

    @property
    def unit(self) -> str:
        """Return of what the amount is."""
        return "token" if self.product == Product.TOKENS else "credit"


@dataclass(frozen=True)
class Begun:
    """A refund between its two transactions."""

    purchase_id: int
    order_id: str
    payment_key: str
    refund_key: str
    product: Product

    @classmethod
    def of(cls, purchase: Purchase) -> "Begun":
        """Return what the provider is asked for a purchase whose refund has begun."""
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
    """Have the provider give the money back, then take the tokens or credits back.

    The audit log has it from its beginning on, since it may end in another process.

    Raises NotFound, AlreadyRefunded, PaymentFailed (never paid, spent, or the provider
    refuses) and PaymentsUnavailable (nobody knows yet; the sweep goes on asking).
    """
    with unit_of_work() as session:
        begun = _begin(session, order_id)
        audit.record(
            session,
            admin_id=admin_id,
            object_type="purchase",
            object_id=begun.purchase_id,
            before={"status": PurchaseStatus.PAID},
            after={"refund": "begun", "order_id": order_id},
            reason=reason,
        )
    _finish(unit_of_work, provider, begun)
    with unit_of_work() as session:
        found = purchases.find(session, order_id)
        return PurchaseRefund(
            order_id=order_id,
            purchase_id=found.id,
            product=found.product,
            amount=purchase_delivery.amount(found),
            transaction_id=purchase_delivery.returned_by(session, found),
        )


def resume(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, silent: timedelta = SILENT
) -> int:
    """Finish the refunds that somebody began and left; return how many."""
    with unit_of_work() as session:
        left = session.scalars(
            select(Purchase).where(
                Purchase.status == PurchaseStatus.PAID,
                Purchase.refund_key.is_not(None),
                Purchase.updated_at < func.clock_timestamp() - silent,
            )
        )
        begun = [Begun.of(each) for each in left]
    for each in begun:
        try:
            _finish(unit_of_work, provider, each)
        except (PaymentFailed, PaymentsUnavailable):
            log.exception("refund not finished", order_id=each.order_id)
    return len(begun)


def begin(session: Session, found: Purchase) -> None:
    """Let the money of a paid purchase go back; the sweep asks the provider for it."""
    session.execute(
        update(Purchase)
        .where(Purchase.id == found.id, Purchase.status == PurchaseStatus.PAID)
        .values(
            refund_key=func.coalesce(Purchase.refund_key, str(uuid4())),
            updated_at=func.clock_timestamp(),
        )
    )


def record_cancellation(session: Session, found: Purchase) -> None:
    """Record that the provider gave the money of a paid purchase back, as it says itself.

    When nobody here began that, a person must decide what it means for the tokens: it pages.
    """
    if found.refund_key is None:
        log.error("payment canceled at the provider, not by us", order_id=found.order_id)
        return
    try:
        with session.begin_nested():
            _take_back(session, found.order_id)
    except purchase_delivery.SPENT:
        log.exception("money returned, tokens spent meanwhile", order_id=found.order_id)


def _begin(session: Session, order_id: str) -> Begun:
    found = purchases.find(session, order_id)
    if found.status == PurchaseStatus.REFUNDED:
        raise AlreadyRefunded(transaction_id=purchase_delivery.returned_by(session, found))
    if found.status != PurchaseStatus.PAID:
        raise PaymentFailed(order_id=order_id, reason=NOT_PAID)
    if purchase_delivery.spendable(session, found) < purchase_delivery.amount(found):
        raise PaymentFailed(order_id=order_id, reason=_spent(found.product))
    begin(session, found)
    return Begun.of(purchases.find(session, order_id))


def _finish(unit_of_work: UnitOfWork, provider: PaymentProvider, begun: Begun) -> None:
    try:
        provider.cancel(
            payment_key=begun.payment_key,
            reason=REASONS[begun.product],
            idempotency_key=begun.refund_key,
        )
    except PaymentRefused as refusal:
        payment = provider.payment(begun.payment_key)
        if payment is None or payment.status != PaymentStatus.CANCELED:
            with unit_of_work() as session:
                _give_up(session, begun)
            raise PaymentFailed(order_id=begun.order_id, reason=refusal.code) from refusal
    failpoint("after_cancellation")
    try:
        with unit_of_work() as session:
            _take_back(session, begun.order_id)
    except purchase_delivery.SPENT:
        # Kept as begun: the sweep takes them back as soon as there are enough again.
        log.exception("money returned, tokens spent meanwhile", order_id=begun.order_id)
        raise PaymentFailed(order_id=begun.order_id, reason=_spent(begun.product)) from None


def _spent(product: Product) -> str:
    return TOKENS_SPENT if product == Product.TOKENS else CREDITS_SPENT


def _take_back(session: Session, order_id: str) -> None:
    """Take back what was given and end the purchase, unless somebody did.

    Raises one of `purchase_delivery.SPENT`.
    """
    ended = session.scalar(
        update(Purchase)
        .where(Purchase.order_id == order_id, Purchase.status == PurchaseStatus.PAID)
        .values(
            status=PurchaseStatus.REFUNDED,
            refunded_at=func.clock_timestamp(),
            updated_at=func.clock_timestamp(),
        )
        .returning(Purchase.id)
    )
    if ended is not None:
        purchase_delivery.take_back(session, purchases.find(session, order_id))


def _give_up(session: Session, begun: Begun) -> None:
    """Forget a refund that the provider refused; the next one asks under a new key."""
    session.execute(
        update(Purchase)
        .where(Purchase.order_id == begun.order_id, Purchase.refund_key == begun.refund_key)
        .values(refund_key=None, updated_at=func.clock_timestamp())
    )
