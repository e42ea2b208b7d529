"""Purchases of credits and of the plan pro of Sets; payments and refunds are those of tokens."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webapp.domain.models.account import User
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.services import packages, purchases, sets_accounts
from webapp.domain.services.purchase_delivery import PRO_MONTH


@dataclass(frozen=True)
class Offer:
    """A package of Sets; `pro_days` is 0 for credits alone."""

    package_id: str
    product: Product
    amount_credits: int
    pro_days: int
    total_price: int
    currency_code: str = packages.CURRENCY


def offers() -> list[Offer]:
    """Return the offered packages: credits, cheapest first, then plans."""
    return [
        Offer(
            package_id=each.package_id,
            product=each.product,
            amount_credits=each.amount_credits,
            pro_days=PRO_MONTH.days if each.product == Product.SETS_PRO else 0,
            total_price=each.total_price,
        )
        for each in (*packages.SETS_CREDITS, *packages.SETS_PLANS)
    ]


def order_credits(session: Session, *, user: User, package_id: str) -> Purchase:
    """Store an order of credits for the person's account. Raises InvalidPackage."""
    return _order(session, user, packages.find(package_id, packages.SETS_CREDITS))


def order_plan(session: Session, *, user: User, package_id: str) -> Purchase:
    """Store an order of a month of the plan pro with its credits. Raises InvalidPackage."""
    return _order(session, user, packages.find(package_id, packages.SETS_PLANS))


def order_any(session: Session, *, user: User, package_id: str) -> Purchase:
    """Store an order of any package of Sets. Raises InvalidPackage."""
    offered = (*packages.SETS_CREDITS, *packages.SETS_PLANS)
    return _order(session, user, packages.find(package_id, offered))


def is_offered(package_id: str) -> bool:
    """Tell whether a package is one of Sets."""
    return package_id in {each.package_id for each in offers()}


def _order(session: Session, user: User, package: packages.Package) -> Purchase:
    account = sets_accounts.of_user(session, user)
    return purchases.order(session, package, user_id=user.id, sets_account_id=account.id)
