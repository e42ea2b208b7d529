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
from webapp.domain.services import purchases


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
    """An order in the list of its buyer."""

    created_at: datetime
    receipt_url: str | None


@dataclass(frozen=True, slots=True)
class OrderDetail(Order):
    """An order with its outcome.

    `failure` is a JSON column: `code` and `message` of the provider, and its further fields.
    """

    created_at: datetime
    approved_at: datetime | None
    receipt_url: str | None
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
        order(purchase, addresses),
        created_at=purchase.created_at,
        approved_at=purchase.approved_at,
        receipt_url=purchase.receipt_url,
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
    statement = select(*Purchase.__table__.columns).where(Purchase.user_id == user_id)
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
    return keyset.page(rows, page, lambda row: _listed(row, addresses))


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


def _listed(row: AnyRow, addresses: Addresses) -> ListedOrder:
    return extended(
        ListedOrder,
        order(row, addresses),
        created_at=row.created_at,
        receipt_url=row.receipt_url,
    )
