"""Confirms payments at the provider and delivers the purchase once.

The request to the provider is sent between two short transactions, never inside one. Its parameters
are committed before (pending → authorized). The response is recorded by a conditional UPDATE in the
transaction that credits the tokens. If the process ends in between, the next redirect, webhook or
sweep sends the same request with the same key. Only a final response of the provider ends an
authorized purchase.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self, cast
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
from webapp.domain.models.documents import PaymentFailure
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
RESUME_AFTER = timedelta(minutes=1)  # the first process is gone; a second request does no harm
TRIES = 2
SWEEP = 100  # orders expired at once
FAILED = frozenset({PaymentStatus.ABORTED, PaymentStatus.CANCELED, PaymentStatus.PARTIAL_CANCELED})
MISMATCH = "PAYMENT_MISMATCH"


@dataclass(frozen=True)
class ConfirmRequest:
    """The parameters of a confirm request, read in the transaction before it."""

    purchase_id: int
    order_id: str
    payment_key: str
    confirm_key: str
    amount: int

    @classmethod
    def of(cls, purchase: Purchase) -> Self:
        """Return the confirm request of an authorized purchase."""
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
    """Confirm the payment that the buyer approved, and deliver the purchase; idempotent.

    Raises NotFound, PurchaseExpired, PaymentFailed (finally refused, or order, key and amount do
    not match) and PaymentsUnavailable (the result is unknown; the sweep retries).
    """
    with unit_of_work() as session:
        purchase = purchases.find(session, order_id, user_id=user_id)
        if purchase.total_price != amount:
            raise PaymentFailed(order_id=order_id, reason=MISMATCH)
        request = _authorize(session, purchase, payment_key)
    if request is not None:
        _settle(unit_of_work, provider, request)
    with unit_of_work() as session:
        _check_paid(purchases.find(session, order_id))


def handle_webhook(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, order_id: str, payment_key: str
) -> bool:
    """Read the payment of a webhook from the provider, and record its status.

    The content of the webhook itself is not trusted. Returns whether the purchase changed. Raises
    NotFound, and PaymentFailed if the provider has no such payment of this order.
    """
    with unit_of_work() as session:
        purchase = purchases.find(session, order_id)
        before, amount = purchase.status, purchase.total_price
    payment = provider.payment(payment_key)
    if payment is None or not _matches(payment, order_id, amount):
        raise PaymentFailed(order_id=order_id, reason=MISMATCH)
    if payment.status == PaymentStatus.IN_PROGRESS:
        _confirm_approved(unit_of_work, provider, payment)
    else:
        with unit_of_work() as session:
            _record(session, payment)
    with unit_of_work() as session:
        return purchases.find(session, order_id).status != before


def resume(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, min_age: timedelta = RESUME_AFTER
) -> int:
    """Retry the confirm requests of authorized purchases older than `min_age`; return how many."""
    with unit_of_work() as session:
        authorized = session.scalars(
            select(Purchase).where(
                Purchase.status == PurchaseStatus.AUTHORIZED,
                Purchase.updated_at < func.clock_timestamp() - min_age,
            )
        )
        requests = [ConfirmRequest.of(purchase) for purchase in authorized]
    for request in requests:
        try:
            _settle(unit_of_work, provider, request)
        except PaymentsUnavailable as error:
            log.warning("payment still open", order_id=request.order_id, error=str(error))
    return len(requests)


def expire(unit_of_work: UnitOfWork, provider: PaymentProvider) -> int:
    """Expire pending orders past their time unless they were paid; return how many."""
    with unit_of_work() as session:
        order_ids = purchases.expired_order_ids(session, SWEEP)
    count = 0
    for order_id in order_ids:
        payment = provider.payment_of_order(order_id)
        with unit_of_work() as session:
            purchase = purchases.find(session, order_id)
            if payment is not None and _matches(payment, order_id, purchase.total_price):
                _record(session, payment)
            count += purchases.change(
                session, purchase.id, PurchaseStatus.PENDING, status=PurchaseStatus.EXPIRED
            )
    return count


def _authorize(session: Session, purchase: Purchase, payment_key: str) -> ConfirmRequest | None:
    """Claim a pending order for one payment; return None if the purchase has already ended."""
    order_id, status = purchase.order_id, purchase.status
    if status == PurchaseStatus.PENDING:
        try:
            claimed = session.scalar(
                update(Purchase)
                .where(
                    Purchase.id == purchase.id,
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
        except IntegrityError:  # the payment belongs to another order
            raise PaymentFailed(order_id=order_id, reason=MISMATCH) from None
        purchase = purchases.find(session, order_id)
        if claimed is None and purchase.status == PurchaseStatus.PENDING:
            raise PurchaseExpired(order_id=order_id, expires_at=purchase.expires_at)
    if purchase.status in {PurchaseStatus.FAILED, PurchaseStatus.EXPIRED}:
        return None
    if purchase.payment_key != payment_key:
        raise PaymentFailed(order_id=order_id, reason=MISMATCH)
    is_authorized = purchase.status == PurchaseStatus.AUTHORIZED
    return ConfirmRequest.of(purchase) if is_authorized else None


def _confirm_approved(
    unit_of_work: UnitOfWork, provider: PaymentProvider, payment: Payment
) -> None:
    """Confirm a payment that the buyer approved without returning to the site.

    An expired order is not confirmed, so the buyer is not charged.
    """
    try:
        with unit_of_work() as session:
            purchase = purchases.find(session, payment.order_id)
            request = _authorize(session, purchase, payment.payment_key)
    except PurchaseExpired:
        return
    if request is not None:
        _settle(unit_of_work, provider, request)


def _settle(unit_of_work: UnitOfWork, provider: PaymentProvider, request: ConfirmRequest) -> None:
    """Send confirm requests until the result is final; each retry has a new key.

    Raises PaymentsUnavailable if the result is not final after TRIES requests.
    """
    for _ in range(TRIES):
        refusal = None
        try:
            payment: Payment | None = provider.confirm(
                payment_key=request.payment_key,
                order_id=request.order_id,
                amount=request.amount,
                idempotency_key=request.confirm_key,
            )
        except PaymentRefused as error:
            # The payment may have been confirmed before, or still be open: read its status.
            refusal, payment = error, provider.payment(request.payment_key)
        failpoint("after_payment")
        with unit_of_work() as session:
            if _record_response(session, request, payment, refusal):
                return
            request = ConfirmRequest.of(purchases.find(session, request.order_id))
    raise PaymentsUnavailable("the payment is still open")


def _record_response(
    session: Session,
    request: ConfirmRequest,
    payment: Payment | None,
    refusal: PaymentRefused | None,
) -> bool:
    """Record the response to a confirm request; return whether it ended the purchase."""
    reason: PaymentFailure | None = None
    if refusal is not None:
        reason = {"code": refusal.code, "message": refusal.message}
    if payment is None or not _matches(payment, request.order_id, request.amount):
        if payment is not None and payment.status == PaymentStatus.DONE:
            log.error("payment matches no order", order_id=request.order_id)
        purchases.change(
            session,
            request.purchase_id,
            PurchaseStatus.AUTHORIZED,
            status=PurchaseStatus.FAILED,
            # The payment belongs to another order, which needs the key (unique index).
            payment_key=None,
            failure=reason or {"code": MISMATCH, "message": ""},
        )
        return True
    _record(session, payment, reason)
    if purchases.find(session, request.order_id).status != PurchaseStatus.AUTHORIZED:
        return True
    session.execute(
        update(Purchase)
        .where(Purchase.id == request.purchase_id, Purchase.confirm_key == request.confirm_key)
        .values(confirm_key=str(uuid4()), failure=reason, updated_at=func.clock_timestamp())
    )
    return False


def _record(session: Session, payment: Payment, reason: PaymentFailure | None = None) -> None:
    """Update the purchase to the status of its payment; a final status does not change."""
    purchase = purchases.find(session, payment.order_id)
    is_own_payment = purchase.payment_key == payment.payment_key
    if payment.status == PaymentStatus.DONE:
        _credit(session, purchase, payment)
    elif purchase.status == PurchaseStatus.PAID and payment.status == PaymentStatus.CANCELED:
        purchase_refunds.record_cancellation(session, purchase)
    elif is_own_payment and payment.status == PaymentStatus.EXPIRED:
        purchases.change(
            session, purchase.id, PurchaseStatus.AUTHORIZED, status=PurchaseStatus.EXPIRED
        )
    elif is_own_payment and payment.status in FAILED:
        purchases.change(
            session,
            purchase.id,
            PurchaseStatus.AUTHORIZED,
            status=PurchaseStatus.FAILED,
            failure=reason or _failure(payment),
        )


def _failure(payment: Payment) -> PaymentFailure:
    if payment.failure is None or not payment.failure.code:
        return {"code": payment.status.value, "message": ""}
    return cast("PaymentFailure", payment.failure.model_dump())  # the provider may say more


def _credit(session: Session, purchase: Purchase, payment: Payment) -> None:
    """Deliver the purchase and notify the buyer, unless this was done before."""
    is_first = purchases.change(
        session,
        purchase.id,
        PurchaseStatus.PENDING,
        PurchaseStatus.AUTHORIZED,
        status=PurchaseStatus.PAID,
        payment_key=payment.payment_key,
        approved_at=payment.approved_at or func.clock_timestamp(),
        receipt_url=payment.receipt_url,
        failure=None,
    )
    if is_first:
        purchase_delivery.deliver(session, purchase)
        _notify_buyer(session, purchase)
    elif purchases.find(session, purchase.order_id).status in {
        PurchaseStatus.FAILED,
        PurchaseStatus.EXPIRED,
    }:
        # The cause is unknown, so an operator must decide: errors page.
        log.error("payment for an order that had ended", order_id=purchase.order_id)


def _notify_buyer(session: Session, purchase: Purchase) -> None:
    """Notify the buyer, or refund the payment if the account was closed meanwhile."""
    try:
        accounts.lock_active(session, purchase.user_id)
    except AccountInactive:
        log.warning("payment of a closed account is refunded", order_id=purchase.order_id)
        purchase_refunds.begin(session, purchase)
        return
    notifications.notify(
        session,
        purchase.user_id,
        NotificationType.PAYMENT_COMPLETE,
        target_type="purchase",
        target_id=purchase.id,
        event=str(purchase.id),
        details={"product": str(purchase.product)} if purchase.sets_account_id else None,
    )


def _matches(payment: Payment, order_id: str, amount: int) -> bool:
    actual = (payment.order_id, payment.total_amount, payment.currency)
    return actual == (order_id, amount, packages.CURRENCY)


def _check_paid(purchase: Purchase) -> None:
    if purchase.status == PurchaseStatus.EXPIRED:
        raise PurchaseExpired(order_id=purchase.order_id, expires_at=purchase.expires_at)
    if purchase.status == PurchaseStatus.FAILED:
        reason = purchase.failure["code"] if purchase.failure else MISMATCH
        raise PaymentFailed(order_id=purchase.order_id, reason=reason)
