"""What a paid purchase gives, and what its refund takes back: tokens, credits of Sets, pro days.

Each is entered in its ledger under a key and an index of the purchase, so it happens once. Both
functions run in the transaction that changes the state of the purchase.
"""

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain.errors import InsufficientTokens
from webapp.domain.models.ledger import Transfer, TransferKind
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.models.sets_account import CreditKind, SetsAccount, SetsCreditEntry
from webapp.domain.services import ledger, sets_credits
from webapp.domain.sets_errors import CreditsExhausted

PRO_MONTH = timedelta(days=30)
# What `take_back` raises when the buyer has spent too much of it.
SPENT = (InsufficientTokens, CreditsExhausted)


def deliver(session: Session, purchase: Purchase) -> None:
    """Give what was bought. A month of the plan pro begins where the last one ends."""
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
        begins = func.greatest(now, func.coalesce(SetsAccount.pro_until, now))
        _set_pro_until(session, purchase.sets_account_id, begins + PRO_MONTH)


def take_back(session: Session, purchase: Purchase) -> None:
    """Take back what was bought; 30 days of the plan pro too.

    Raises InsufficientTokens or CreditsExhausted when too much of it was spent.
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
    """Return how many tokens, or credits of Sets, a purchase is of."""
    return purchase.amount_credits if purchase.sets_account_id else purchase.amount_tokens


def spendable(session: Session, purchase: Purchase) -> int:
    """Return how many tokens, or credits of Sets, the buyer could return now."""
    if purchase.sets_account_id is None:
        return ledger.balances(session, purchase.user_id).spendable
    return session.scalars(
        select(SetsAccount.credits).where(SetsAccount.id == purchase.sets_account_id)
    ).one()


def returned_by(session: Session, purchase: Purchase) -> int:
    """Return the id of the transfer, or the credit entry, that took a refunded purchase back."""
    if purchase.sets_account_id is None:
        wanted = select(Transfer.id).where(
            Transfer.purchase_id == purchase.id, Transfer.kind == TransferKind.PURCHASE_REFUND
        )
    else:
        wanted = select(SetsCreditEntry.id).where(
            SetsCreditEntry.purchase_id == purchase.id,
            SetsCreditEntry.kind == CreditKind.PURCHASE_REFUND,
        )
    return session.scalars(wanted).one()


def _set_pro_until(session: Session, account_id: int, value: object) -> None:
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id)
        .values(pro_until=value)
        .execution_options(synchronize_session="fetch")
    )
