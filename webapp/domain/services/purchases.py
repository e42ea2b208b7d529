"""Rows of purchases: ordered, found, and changed only from an expected status."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.identifiers import public_id
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.services import accounts, packages
from webapp.domain.services.packages import Package

LIFETIME = timedelta(minutes=30)
ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)


def order_tokens(session: Session, *, user_id: int, package_id: str) -> Purchase:
    """Store an order of tokens at the current price; nothing is paid yet.

    Raises InvalidPackage, and AccountInactive if the account was closed.
    """
    return order(session, packages.find(package_id), user_id=user_id)


def order(
    session: Session, package: Package, *, user_id: int, sets_account_id: int | None = None
) -> Purchase:
    """Store an order of a package; one of Sets needs the account that receives it.

    Raises AccountInactive if the account was closed.
    """
    accounts.lock_active(session, user_id)
    purchase = Purchase(
        order_id=public_id("P_", 24),
        user_id=user_id,
        package_id=package.package_id,
        product=package.product,
        sets_account_id=sets_account_id,
        amount_tokens=package.amount_tokens,
        amount_credits=package.amount_credits,
        price_per_token=package.price_per_token,
        total_price=package.total_price,
        currency_code=packages.CURRENCY,
        expires_at=func.clock_timestamp() + LIFETIME,
    )
    session.add(purchase)
    session.flush()
    session.refresh(purchase)
    return purchase


def find(session: Session, order_id: str, *, user_id: int | None = None) -> Purchase:
    """Return the current row of a purchase; with `user_id` only of this user. Raises NotFound."""
    query = select(Purchase).where(Purchase.order_id == order_id)
    if user_id is not None:
        query = query.where(Purchase.user_id == user_id)
    purchase = None
    if ORDER_ID.fullmatch(order_id):
        purchase = session.scalar(query.execution_options(populate_existing=True))
    if purchase is None:
        raise NotFound(resource="purchase", id=order_id)
    return purchase


def change(session: Session, purchase_id: int, *before: PurchaseStatus, **values: Any) -> bool:
    """Change a purchase if it still has one of the expected statuses; return whether it had."""
    changed_id = session.scalar(
        update(Purchase)
        .where(Purchase.id == purchase_id, Purchase.status.in_(before))
        .values(updated_at=func.clock_timestamp(), **values)
        .returning(Purchase.id)
    )
    return changed_id is not None


def fail(session: Session, *, user_id: int, order_id: str, code: str, message: str) -> Purchase:
    """Set a pending order to failed after its payment was abandoned. Raises NotFound."""
    purchase = find(session, order_id, user_id=user_id)
    change(
        session,
        purchase.id,
        PurchaseStatus.PENDING,
        status=PurchaseStatus.FAILED,
        failure={"code": code, "message": message},
    )
    return find(session, order_id)


def close_pending(session: Session, user_id: int) -> None:
    """Set a user's pending orders to failed, because the account is closed.

    An authorized purchase stays: only the provider knows whether the buyer was charged.
    """
    session.execute(
        update(Purchase)
        .where(Purchase.user_id == user_id, Purchase.status == PurchaseStatus.PENDING)
        .values(
            status=PurchaseStatus.FAILED,
            failure={"code": ACCOUNT_CLOSED, "message": ""},
            updated_at=func.clock_timestamp(),
        )
    )


def expired_order_ids(session: Session, limit: int) -> list[str]:
    """Return the ids of pending orders past their time."""
    order_ids = session.scalars(
        select(Purchase.order_id)
        .where(
            Purchase.status == PurchaseStatus.PENDING,
            Purchase.expires_at <= func.clock_timestamp(),
        )
        .order_by(Purchase.expires_at)
        .limit(limit)
    )
    return list(order_ids)
