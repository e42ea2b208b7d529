"""Read a user's own orders of packages, and the URLs of their payment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from webapp.domain.gateways.payments import CANCELED_BY_BUYER
from webapp.domain.models.documents import PaymentFailure
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.queries.answers import extended
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.services import purchase_delivery, purchases


@dataclass(frozen=True)
class Addresses:
    """URLs of the payment page, and of the redirects back from the provider."""

    public_base_url: str

    def pay(self, order_id: str) -> str:
        """Return the page that opens the provider's payment window for an order."""
        return f"{self._site}/wallet/purchases/{order_id}/pay"

    @property
    def success(self) -> str:
        """Return the redirect after an approval; the provider adds the query parameters."""
        return f"{self._site}/api/v1/tokens/purchase/success"

    def fail(self, order_id: str) -> str:
        """Return the redirect after a refusal; it names the order itself."""
        return f"{self._site}/api/v1/tokens/purchase/fail?orderId={order_id}"

    @property
    def _site(self) -> str:
        return self.public_base_url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a package; `payment_url` only while it can be paid. Prices in KRW."""

    order_id: str
    status: PurchaseStatus
    payment_url: str | None
    package_id: str
    product: Product
    amount_credits: int
    amount_tokens: int
    price_per_token: int
    total_price: int
    currency_code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ListedOrder(Order):
    """An order in the list of its buyer.

    `is_refunding`: its refund has begun. `is_refundable`: it is paid, no refund has begun, and the
    available tokens or credits are at least as many as it added.
    """

    created_at: datetime
    receipt_url: str | None
    is_refundable: bool
    is_refunding: bool
    refund_requested_at: datetime | None
    refund_declined_at: datetime | None
    refund_decline_note: str | None


@dataclass(frozen=True, slots=True)
class OrderDetail(ListedOrder):
    """An order with its outcome.

    `failure` is a JSON column: `code` and `message` of the provider, and its further fields.
    """

    approved_at: datetime | None
    failure: PaymentFailure | None


def order(purchase: Purchase | AnyRow, addresses: Addresses) -> Order:
    """Return the order of a purchase."""
    is_pending = purchase.status == PurchaseStatus.PENDING
    return Order(
        order_id=purchase.order_id,
        status=purchase.status,
        payment_url=addresses.pay(purchase.order_id) if is_pending else None,
        package_id=purchase.package_id,
        product=purchase.product,
        amount_credits=purchase.amount_credits,
        amount_tokens=purchase.amount_tokens,
        price_per_token=purchase.price_per_token,
        total_price=purchase.total_price,
        currency_code=purchase.currency_code,
        expires_at=purchase.expires_at,
    )


def detail(session: Session, addresses: Addresses, *, user_id: int, order_id: str) -> OrderDetail:
    """Return a user's own order with its outcome. Raises NotFound."""
    purchase = purchases.find(session, order_id, user_id=user_id)
    return extended(
        OrderDetail,
        _listed(purchase, addresses, purchase_delivery.spendable(session, purchase)),
        approved_at=purchase.approved_at,
        failure=purchase.failure,
    )


def own(
    session: Session,
    addresses: Addresses,
    *,
    user_id: int,
    status: str | None,
    page: PageRequest,
    with_abandoned: bool = True,
) -> Page[ListedOrder]:
    """List a user's own orders, newest first.

    Abandoned ones were canceled by the buyer, or expired without a payment.
    """
    statement = select(
        *Purchase.__table__.columns, purchase_delivery.available().label("available")
    ).where(Purchase.user_id == user_id)
    if status is not None:
        statement = statement.where(Purchase.status == status)
    if not with_abandoned:
        code = func.coalesce(Purchase.failure["code"].astext, "")
        statement = statement.where(
            Purchase.status != PurchaseStatus.EXPIRED,
            (Purchase.status != PurchaseStatus.FAILED) | (code != CANCELED_BY_BUYER),
        )
    keyset = Keyset(
        [(Purchase.created_at, "created_at", datetime), (Purchase.id, "id", int)],
        {
            "list": "purchases",
            "user_id": user_id,
            "status": status,
            "with_abandoned": with_abandoned,
        },
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: _listed(row, addresses, row.available))


def has_refundable_tokens(session: Session, *, user_id: int, balance: int) -> bool:
    """Tell whether a purchase of tokens can be refunded out of a user's available tokens."""
    refundable = exists().where(
        Purchase.user_id == user_id,
        Purchase.product == Product.TOKENS,
        Purchase.status == PurchaseStatus.PAID,
        Purchase.refund_key.is_(None),
        Purchase.amount_tokens <= balance,
    )
    return bool(session.scalar(select(refundable)))


def _listed(purchase: Purchase | AnyRow, addresses: Addresses, available: int) -> ListedOrder:
    is_paid = purchase.status == PurchaseStatus.PAID
    amount = purchase.amount_tokens or purchase.amount_credits
    return extended(
        ListedOrder,
        order(purchase, addresses),
        created_at=purchase.created_at,
        receipt_url=purchase.receipt_url,
        is_refundable=is_paid and purchase.refund_key is None and amount <= available,
        is_refunding=is_paid and purchase.refund_key is not None,
        refund_requested_at=purchase.refund_requested_at,
        refund_declined_at=purchase.refund_declined_at,
        refund_decline_note=purchase.refund_decline_note,
    )
