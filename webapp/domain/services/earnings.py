"""Earned tokens: they become spendable, and a refund of a delivered picture takes them back."""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import AccountKind, TransferKind
from webapp.domain.models.style import Style
from webapp.domain.services import accounts, ledger


@dataclass(frozen=True)
class ReversalShares:
    """Who pays a reversal: the artist's earned and spendable tokens, and the platform."""

    earned: int
    spendable: int
    platform: int


def convert(session: Session, user_id: int, amount: int) -> int:
    """Make earned tokens spendable; return the transfer's id.

    Raises InsufficientTokens if fewer are earned, and AccountInactive if the account was closed.
    """
    accounts.lock_active(session, user_id)
    earned = ledger.account_of(session, user_id, AccountKind.EARNED)
    spendable = ledger.account_of(session, user_id, AccountKind.SPENDABLE)
    ledger.lock(session, earned, spendable)
    key = f"conversion:{uuid4().hex}"
    return ledger.move(session, earned, spendable, amount, TransferKind.CONVERSION, key=key)


def reversal_shares(price: int, *, earned: int, spendable: int) -> ReversalShares:
    """Return who pays a reversal, given the artist's balances."""
    of_earned = min(price, earned)
    of_spendable = min(price - of_earned, spendable)
    return ReversalShares(of_earned, of_spendable, price - of_earned - of_spendable)


def reverse(session: Session, generation: Generation) -> int:
    """Refund the price of a delivered generation out of the artist's earnings.

    What the artist made spendable is taken back first if it is still there; the platform pays the
    rest, so that the buyer's refund does not depend on it. Returns the transfer's id.
    """
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == generation.style_id))
    earned = ledger.account_of(session, artist_id, AccountKind.EARNED)
    spendable = ledger.account_of(session, artist_id, AccountKind.SPENDABLE)
    buyer = ledger.account_of(session, generation.user_id, AccountKind.SPENDABLE)
    balances = ledger.lock(session, earned, spendable, buyer)
    shares = reversal_shares(
        generation.price_tokens, earned=balances[earned.id], spendable=balances[spendable.id]
    )
    platform = ledger.account_of(session, None, AccountKind.PLATFORM)
    for debit, amount, kind in (
        (spendable, shares.spendable, TransferKind.CONVERSION_BACK),
        (platform, shares.platform, TransferKind.COVER),
    ):
        if amount:
            ledger.move(session, debit, earned, amount, kind, key=f"{kind.value}:{generation.id}")
    return ledger.move(
        session,
        earned,
        buyer,
        generation.price_tokens,
        TransferKind.REVERSAL,
        key=f"reversal:{generation.id}",
        generation_id=generation.id,
    )
