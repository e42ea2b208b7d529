"""What people see of their purchases."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.services import purchases


@dataclass(frozen=True)
class Addresses:
    """Where the provider is opened, and where it sends the browser back."""

    public_base_url: str

    def pay(self, order_id: str) -> str:
        """Return the page that opens the provider for an order."""
        return f"{self._site}/wallet/purchases/{order_id}/pay"

    @property
    def success(self) -> str:
        """Return where a buyer comes back who approved; the provider adds what it knows."""
        return f"{self._site}/api/v1/tokens/purchase/success"

    def fail(self, order_id: str) -> str:
        """Return where a buyer comes back who gave up; then the provider may name no order."""
        return f"{self._site}/api/v1/tokens/purchase/fail?orderId={order_id}"

    @property
    def _site(self) -> str:
        return self.public_base_url.rstrip("/")


def order(purchase: Purchase | AnyRow, addresses: Addresses) -> dict[str, Any]:
    """Return an order; it can be paid only while it is pending."""
    is_open = purchase.status == PurchaseStatus.PENDING
    return {
        "order_id": purchase.order_id,
        "status": purchase.status,
        "payment_url": addresses.pay(purchase.order_id) if is_open else None,
        "package_id": purchase.package_id,
        "product": purchase.product,
        "amount_credits": purchase.amount_credits,
        "amount_tokens": purchase.amount_tokens,
        "price_per_token": purchase.price_per_token,
        "total_price": purchase.total_price,
        "currency_code": purchase.currency_code,
        "expires_at": purchase.expires_at,
    }


def detail(
    session: Session, addresses: Addresses, *, user_id: int, order_id: str
) -> dict[str, Any]:
    """Show one's own order with how it ended. Raises NotFound."""
    found = purchases.find(session, order_id, user_id=user_id)
    return order(found, addresses) | {
        "created_at": found.created_at,
        "approved_at": found.approved_at,
        "receipt_url": found.receipt_url,
        "failure": found.failure,
    }


def own(
    session: Session, addresses: Addresses, *, user_id: int, status: str | None, page: PageRequest
) -> Page:
    """List one's own orders, newest first."""
    statement = select(*Purchase.__table__.columns).where(Purchase.user_id == user_id)
    if status is not None:
        statement = statement.where(Purchase.status == status)
    keyset = Keyset(
        [(Purchase.created_at, "created_at", datetime), (Purchase.id, "id", int)],
        {"list": "purchases", "user_id": user_id, "status": status},
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(
        rows,
        page,
        lambda row: (
            order(row, addresses) | {"created_at": row.created_at, "receipt_url": row.receipt_url}
        ),
    )
