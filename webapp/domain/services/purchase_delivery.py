"""The delivery of a paid purchase, and its return by a refund: tokens, credits of Sets, pro days.

Each ledger has a unique index on the purchase, so that each happens once. Both functions run in the
transaction that changes the status of the purchase.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from webapp.domain.errors import InsufficientTokens
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.models.sets_account import CreditKind, SetsAccount, SetsCreditEntry
from webapp.domain.services import ledger, sets_credits
from webapp.domain.sets_errors import CreditsExhausted

PRO_MONTH = timedelta(days=30)
# The errors of `take_back` if the buyer has spent too much.
SPENT = (InsufficientTokens, CreditsExhausted)


def deliver(session: Session, purchase: Purchase) -> None:
    """Credit what was bought. A month of the plan pro begins at the end of the current one."""
    if purchase.sets_account_id is None:
        ledger.credit_purchase(session, purchase)
        return
    sets_credits.add_entry(
        session,
        purchase.sets_account_id,
        CreditKind.PURCHASE,
        purchase.amount_credits,
        key=f"purchase:{purchase.id}",
        purchase_id=purchase.id,
    )
    if purchase.product == Product.SETS_PRO:
        now = func.clock_timestamp()
        start = func.greatest(now, func.coalesce(SetsAccount.pro_until, now))
        _set_pro_until(session, purchase.sets_account_id, start + PRO_MONTH)


def take_back(session: Session, purchase: Purchase) -> None:
    """Debit what was bought, including 30 days of the plan pro.

    Raises InsufficientTokens or CreditsExhausted if too much was spent.
    """
    if purchase.sets_account_id is None:
        ledger.refund_purchase(session, purchase)
        return
    sets_credits.add_entry(
        session,
        purchase.sets_account_id,
        CreditKind.PURCHASE_REFUND,
        -purchase.amount_credits,
        key=f"purchase_refund:{purchase.id}",
        purchase_id=purchase.id,
    )
    if purchase.product == Product.SETS_PRO:
        _set_pro_until(session, purchase.sets_account_id, SetsAccount.pro_until - PRO_MONTH)


def amount(purchase: Purchase) -> int:
    """Return the number of tokens, or credits of Sets, of a purchase."""
    return purchase.amount_credits if purchase.sets_account_id else purchase.amount_tokens


def available() -> ColumnElement[int]:
    """Return the available tokens of a purchase's buyer, or the credits of its Sets account."""
    tokens = select(Account.balance).where(
        Account.owner_id == Purchase.user_id, Account.kind == AccountKind.SPENDABLE
    )
    credits_of_sets = select(SetsAccount.credits).where(SetsAccount.id == Purchase.sets_account_id)
    return func.coalesce(
        case(
            (Purchase.sets_account_id.is_(None), tokens.scalar_subquery()),
            else_=credits_of_sets.scalar_subquery(),
        ),
        0,
    )


def spendable(session: Session, purchase: Purchase) -> int:
    """Return what `available` selects, for one purchase."""
    return session.scalars(
        select(available()).select_from(Purchase).where(Purchase.id == purchase.id)
    ).one()


def returned_by(session: Session, purchase: Purchase) -> int:
    """Return the id of the transfer, or the credit entry, of a refunded purchase."""
    if purchase.sets_account_id is None:
        query = select(Transfer.id).where(
            Transfer.purchase_id == purchase.id, Transfer.kind == TransferKind.PURCHASE_REFUND
        )
    else:
        query = select(SetsCreditEntry.id).where(
            SetsCreditEntry.purchase_id == purchase.id,
            SetsCreditEntry.kind == CreditKind.PURCHASE_REFUND,
        )
    return session.scalars(query).one()


def _set_pro_until(session: Session, account_id: int, value: object) -> None:
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id)
        .values(pro_until=value)
        .execution_options(synchronize_session="fetch")
    )
