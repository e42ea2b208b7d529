"""Give the money of a purchase back and take its tokens: begun, asked for, recorded.

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
from webapp.domain.errors import AlreadyRefunded, InsufficientTokens, PaymentFailed
from webapp.domain.gateways.payments import (
    PaymentProvider,
    PaymentRefused,
    PaymentStatus,
    PaymentsUnavailable,
)
from webapp.domain.models.ledger import Transfer, TransferKind
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.services import audit, ledger, purchases

log = structlog.get_logger()
SILENT = timedelta(minutes=1)
# What the provider shows the buyer; why an administrator did it stands in the audit log.
REASON = "Tokens returned"
NOT_PAID, TOKENS_SPENT = "not_paid", "tokens_spent"


@dataclass(frozen=True)
class PurchaseRefund:
    """A refund that is done: the tokens taken back, and the ledger's row of it."""

    order_id: str
    purchase_id: int
    amount_tokens: int
    transaction_id: int


@dataclass(frozen=True)
class Begun:
    """A refund between its two transactions."""

    purchase_id: int
    order_id: str
    payment_key: str
    refund_key: str

    @classmethod
    def of(cls, purchase: Purchase) -> "Begun":
        """Return what the provider is asked for a purchase whose refund has begun."""
        return cls(
            purchase.id, purchase.order_id, purchase.payment_key or "", purchase.refund_key or ""
        )


def refund_purchase(
    unit_of_work: UnitOfWork,
    provider: PaymentProvider,
    *,
    admin_id: int,
    order_id: str,
    reason: str,
) -> PurchaseRefund:
    """Have the provider give the money back, then take the tokens back.

    The audit log has it from its beginning on, since it may end in another process.

    Raises NotFound, AlreadyRefunded, PaymentFailed (never paid, tokens spent, or the provider
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
            amount_tokens=found.amount_tokens,
            transaction_id=_transaction(session, found.id),
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


def hear(session: Session, found: Purchase) -> None:
    """Record that the provider gave the money of a paid purchase back, as it says itself.

    When nobody here began that, a person must decide what it means for the tokens: it pages.
    """
    if found.refund_key is None:
        log.error("payment canceled at the provider, not by us", order_id=found.order_id)
        return
    try:
        with session.begin_nested():
            _take_tokens(session, found.order_id)
    except InsufficientTokens:
        log.exception("money returned, tokens spent meanwhile", order_id=found.order_id)


def _begin(session: Session, order_id: str) -> Begun:
    found = purchases.find(session, order_id)
    if found.status == PurchaseStatus.REFUNDED:
        raise AlreadyRefunded(transaction_id=_transaction(session, found.id))
    if found.status != PurchaseStatus.PAID:
        raise PaymentFailed(order_id=order_id, reason=NOT_PAID)
    if ledger.balances(session, found.user_id).spendable < found.amount_tokens:
        raise PaymentFailed(order_id=order_id, reason=TOKENS_SPENT)
    begin(session, found)
    return Begun.of(purchases.find(session, order_id))


def _finish(unit_of_work: UnitOfWork, provider: PaymentProvider, begun: Begun) -> None:
    try:
        provider.cancel(
            payment_key=begun.payment_key, reason=REASON, idempotency_key=begun.refund_key
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
            _take_tokens(session, begun.order_id)
    except InsufficientTokens:
        # Kept as begun: the sweep takes the tokens as soon as there are enough again.
        log.exception("money returned, tokens spent meanwhile", order_id=begun.order_id)
        raise PaymentFailed(order_id=begun.order_id, reason=TOKENS_SPENT) from None


def _take_tokens(session: Session, order_id: str) -> None:
    """Take the tokens back and end the purchase, unless somebody did. Raises InsufficientTokens."""
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
        ledger.refund_purchase(session, purchases.find(session, order_id))


def _give_up(session: Session, begun: Begun) -> None:
    """Forget a refund that the provider refused; the next one asks under a new key."""
    session.execute(
        update(Purchase)
        .where(Purchase.order_id == begun.order_id, Purchase.refund_key == begun.refund_key)
        .values(refund_key=None, updated_at=func.clock_timestamp())
    )


def _transaction(session: Session, purchase_id: int) -> int:
    return session.scalars(
        select(Transfer.id).where(
            Transfer.purchase_id == purchase_id, Transfer.kind == TransferKind.PURCHASE_REFUND
        )
    ).one()
