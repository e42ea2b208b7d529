"""Have the provider take what a buyer approved, and deliver the purchase once.

The provider is asked between two short transactions, never inside one. What will be asked is
committed before (pending → authorized); its answer is recorded by a conditional update together
with the tokens. Whoever dies in between is healed by the next redirect, webhook or sweep: they
ask the same under the same key. Only the provider's final word ends an authorized purchase.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from uuid import uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from failpoints import failpoint
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import AccountInactive, PaymentFailed, PurchaseExpired
from webapp.domain.gateways.payments import (
    Payment,
    PaymentProvider,
    PaymentRefused,
    PaymentStatus,
    PaymentsUnavailable,
)
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.services import (
    accounts,
    notifications,
    packages,
    purchase_delivery,
    purchase_refunds,
    purchases,
)

log = structlog.get_logger()
SILENT = timedelta(minutes=1)  # whoever asked is gone; and asking twice does no harm
TRIES = 2
SWEEP = 100  # orders ended at once
GONE = frozenset({PaymentStatus.ABORTED, PaymentStatus.CANCELED, PaymentStatus.PARTIAL_CANCELED})
MISMATCH = "PAYMENT_MISMATCH"


@dataclass(frozen=True)
class Question:
    """What the provider is asked about a purchase, copied before its transaction ends."""

    purchase_id: int
    order_id: str
    payment_key: str
    confirm_key: str
    amount: int

    @classmethod
    def of(cls, purchase: Purchase) -> Self:
        """Return the question of an authorized purchase."""
        return cls(
            purchase_id=purchase.id,
            order_id=purchase.order_id,
            payment_key=purchase.payment_key or "",
            confirm_key=purchase.confirm_key or "",
            amount=purchase.total_price,
        )


def confirm(
    unit_of_work: UnitOfWork,
    provider: PaymentProvider,
    *,
    user_id: int,
    order_id: str,
    payment_key: str,
    amount: int,
) -> None:
    """Have the money taken that the buyer approved, and give the tokens; may be repeated.

    Raises NotFound, PurchaseExpired, PaymentFailed (finally refused, or order, key and amount do
    not agree) and PaymentsUnavailable (nobody knows yet; the sweep goes on asking).
    """
    with unit_of_work() as session:
        found = purchases.find(session, order_id, user_id=user_id)
        if found.total_price != amount:
            raise PaymentFailed(order_id=order_id, reason=MISMATCH)
        question = _authorize(session, found, payment_key)
    if question is not None:
        _settle(unit_of_work, provider, question)
    with unit_of_work() as session:
        _check_paid(purchases.find(session, order_id))


def handle_webhook(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, order_id: str, payment_key: str
) -> bool:
    """Look into a payment that a webhook names, and believe the provider alone.

    Return whether the purchase changed. Raises NotFound, and PaymentFailed when the provider knows
    no such payment of this order.
    """
    with unit_of_work() as session:
        found = purchases.find(session, order_id)
        before, amount = found.status, found.total_price
    payment = provider.payment(payment_key)
    if payment is None or not _agrees(payment, order_id, amount):
        raise PaymentFailed(order_id=order_id, reason=MISMATCH)
    if payment.status == PaymentStatus.IN_PROGRESS:
        _take_approved(unit_of_work, provider, payment)
    else:
        with unit_of_work() as session:
            _record(session, payment)
    with unit_of_work() as session:
        return purchases.find(session, order_id).status != before


def resume(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, silent: timedelta = SILENT
) -> int:
    """Ask again about authorized purchases nobody reports on any more; return how many."""
    with unit_of_work() as session:
        waiting = session.scalars(
            select(Purchase).where(
                Purchase.status == PurchaseStatus.AUTHORIZED,
                Purchase.updated_at < func.clock_timestamp() - silent,
            )
        )
        questions = [Question.of(each) for each in waiting]
    for question in questions:
        try:
            _settle(unit_of_work, provider, question)
        except PaymentsUnavailable as error:
            log.warning("payment still open", order_id=question.order_id, error=str(error))
    return len(questions)


def expire(unit_of_work: UnitOfWork, provider: PaymentProvider) -> int:
    """End the orders that ran out, unless the provider was paid for one; return how many."""
    with unit_of_work() as session:
        order_ids = purchases.expired_order_ids(session, SWEEP)
    ended = 0
    for order_id in order_ids:
        payment = provider.payment_of_order(order_id)
        with unit_of_work() as session:
            found = purchases.find(session, order_id)
            if payment is not None and _agrees(payment, order_id, found.total_price):
                _record(session, payment)
            ended += purchases.change(
                session, found.id, PurchaseStatus.PENDING, status=PurchaseStatus.EXPIRED
            )
    return ended


def _authorize(session: Session, found: Purchase, payment_key: str) -> Question | None:
    """Claim a pending order for one payment; return None when there is nothing left to ask."""
    order_id, status = found.order_id, found.status
    if status == PurchaseStatus.PENDING:
        try:
            claimed = session.scalar(
                update(Purchase)
                .where(
                    Purchase.id == found.id,
                    Purchase.status == PurchaseStatus.PENDING,
                    Purchase.expires_at > func.clock_timestamp(),
                )
                .values(
                    status=PurchaseStatus.AUTHORIZED,
                    payment_key=payment_key,
                    confirm_key=str(uuid4()),
                    updated_at=func.clock_timestamp(),
                )
                .returning(Purchase.id)
            )
        except IntegrityError:  # the payment is another order's
            raise PaymentFailed(order_id=order_id, reason=MISMATCH) from None
        found = purchases.find(session, order_id)
        if claimed is None and found.status == PurchaseStatus.PENDING:
            raise PurchaseExpired(order_id=order_id, expires_at=found.expires_at)
    if found.status in {PurchaseStatus.FAILED, PurchaseStatus.EXPIRED}:
        return None
    if found.payment_key != payment_key:
        raise PaymentFailed(order_id=order_id, reason=MISMATCH)
    return Question.of(found) if found.status == PurchaseStatus.AUTHORIZED else None


def _take_approved(unit_of_work: UnitOfWork, provider: PaymentProvider, payment: Payment) -> None:
    """Confirm for a buyer who approved and did not come back; too late, the money stays theirs."""
    try:
        with unit_of_work() as session:
            found = purchases.find(session, payment.order_id)
            question = _authorize(session, found, payment.payment_key)
    except PurchaseExpired:
        return
    if question is not None:
        _settle(unit_of_work, provider, question)


def _settle(unit_of_work: UnitOfWork, provider: PaymentProvider, question: Question) -> None:
    """Ask until the answer is final; a refusal that is not is followed by a try with a new key."""
    for _ in range(TRIES):
        refusal = None
        try:
            payment: Payment | None = provider.confirm(
                payment_key=question.payment_key,
                order_id=question.order_id,
                amount=question.amount,
                idempotency_key=question.confirm_key,
            )
        except PaymentRefused as error:
            # Perhaps it was done before, perhaps it can still be done: the payment itself says.
            refusal, payment = error, provider.payment(question.payment_key)
        failpoint("after_payment")
        with unit_of_work() as session:
            if _answered(session, question, payment, refusal):
                return
            question = Question.of(purchases.find(session, question.order_id))
    raise PaymentsUnavailable("the payment is still open")


def _answered(
    session: Session, question: Question, payment: Payment | None, refusal: PaymentRefused | None
) -> bool:
    """Record the answer to a question; return whether it ended the purchase."""
    reason = {"code": refusal.code, "message": refusal.message} if refusal else None
    if payment is None or not _agrees(payment, question.order_id, question.amount):
        if payment is not None and payment.status == PaymentStatus.DONE:
            log.error("money taken that agrees with no order", order_id=question.order_id)
        purchases.change(
            session,
            question.purchase_id,
            PurchaseStatus.AUTHORIZED,
            status=PurchaseStatus.FAILED,
            payment_key=None,  # it never was this order's, and must not bar the one whose it is
            failure=reason or {"code": MISMATCH, "message": ""},
        )
        return True
    _record(session, payment, reason)
    if purchases.find(session, question.order_id).status != PurchaseStatus.AUTHORIZED:
        return True
    session.execute(
        update(Purchase)
        .where(Purchase.id == question.purchase_id, Purchase.confirm_key == question.confirm_key)
        .values(confirm_key=str(uuid4()), failure=reason, updated_at=func.clock_timestamp())
    )
    return False


def _record(session: Session, payment: Payment, reason: dict[str, str] | None = None) -> None:
    """Bring the purchase to where the provider says its payment is; what is final stays."""
    found = purchases.find(session, payment.order_id)
    if payment.status == PaymentStatus.DONE:
        _credit(session, found, payment)
    elif found.status == PurchaseStatus.PAID and payment.status == PaymentStatus.CANCELED:
        purchase_refunds.record_cancellation(session, found)
    elif found.payment_key == payment.payment_key and payment.status == PaymentStatus.EXPIRED:
        purchases.change(
            session, found.id, PurchaseStatus.AUTHORIZED, status=PurchaseStatus.EXPIRED
        )
    elif found.payment_key == payment.payment_key and payment.status in GONE:
        purchases.change(
            session,
            found.id,
            PurchaseStatus.AUTHORIZED,
            status=PurchaseStatus.FAILED,
            failure=reason or payment.failure or {"code": payment.status.value, "message": ""},
        )


def _credit(session: Session, found: Purchase, payment: Payment) -> None:
    """Give what was bought and tell the buyer, unless somebody did."""
    is_first = purchases.change(
        session,
        found.id,
        PurchaseStatus.PENDING,
        PurchaseStatus.AUTHORIZED,
        status=PurchaseStatus.PAID,
        payment_key=payment.payment_key,
        approved_at=payment.approved_at or func.clock_timestamp(),
        receipt_url=payment.receipt_url,
        failure=None,
    )
    if is_first:
        purchase_delivery.deliver(session, found)
        _tell_buyer(session, found)
    elif purchases.find(session, found.order_id).status in {
        PurchaseStatus.FAILED,
        PurchaseStatus.EXPIRED,
    }:
        # Nobody knows why: a person must decide, so this pages.
        log.error("money taken for an order that had ended", order_id=found.order_id)


def _tell_buyer(session: Session, found: Purchase) -> None:
    """Tell the buyer; who left meanwhile can spend nothing and gets the money back instead."""
    try:
        accounts.lock_active(session, found.user_id)
    except AccountInactive:
        log.warning("money taken of who has left, goes back", order_id=found.order_id)
        purchase_refunds.begin(session, found)
        return
    notifications.notify(
        session,
        found.user_id,
        NotificationType.PAYMENT_COMPLETE,
        target_type="purchase",
        target_id=found.id,
        event=str(found.id),
        details={"product": str(found.product)} if found.sets_account_id else None,
    )


def _agrees(payment: Payment, order_id: str, amount: int) -> bool:
    told = (payment.order_id, payment.total_amount, payment.currency)
    return told == (order_id, amount, packages.CURRENCY)


def _check_paid(found: Purchase) -> None:
    if found.status == PurchaseStatus.EXPIRED:
        raise PurchaseExpired(order_id=found.order_id, expires_at=found.expires_at)
    if found.status == PurchaseStatus.FAILED:
        reason = (found.failure or {}).get("code", MISMATCH)
        raise PaymentFailed(order_id=found.order_id, reason=reason)
