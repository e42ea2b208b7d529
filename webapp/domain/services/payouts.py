"""Payouts of earned tokens in money: requested by the artist, settled outside of this site.

A request moves the tokens from the artist's earned account into the artist's payout account. They
leave it once: to the platform when an administrator has paid, or back when the request is declined
or withdrawn. If the bank returns the money, the platform gives them back. The state changes first,
by one conditional UPDATE, then the accounts are locked: all who change a request wait for each
other in this order.

Tokens come back to the account they were requested from, also after it was closed: the artist can
use them if an administrator opens it again. In a deleted account nobody can use them. Nobody is
notified of a request of a closed or deleted account.

What artists earned from their own orders is never paid in money: a welcome bonus that is spent in
the own style would be (`payable`).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    FieldProblem,
    Forbidden,
    InsufficientTokens,
    InvalidTransition,
    NotFound,
    PayoutDecided,
    PayoutOpen,
    ValidationFailed,
)
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.payout import PayoutRequest, PayoutStatus
from webapp.domain.models.style import Style
from webapp.domain.services import accounts, audit, ledger, notifications
from webapp.domain.settings import Settings


@dataclass(frozen=True)
class PayoutTerms:
    """What an earned token is worth, how many a request needs, and when it is paid."""

    krw_per_token: int
    minimum_tokens: int
    within_days: int

    @classmethod
    def of(cls, settings: Settings) -> "PayoutTerms":
        """Return the terms of this installation."""
        return cls(
            settings.payout_krw_per_token,
            settings.payout_minimum_tokens,
            settings.payout_within_days,
        )

    def worth(self, tokens: int) -> int:
        """Return what tokens are worth, in KRW."""
        return tokens * self.krw_per_token


def request(session: Session, user_id: int, amount: int, terms: PayoutTerms) -> int:
    """Request a payout of earned tokens; return the id of the request.

    Raises AccountInactive, ValidationFailed below the minimum, PayoutOpen while another request of
    the artist is open, and InsufficientTokens if fewer are payable.
    """
    accounts.lock_active(session, user_id)
    if amount < terms.minimum_tokens:
        problem = FieldProblem("At least %(least)d tokens.", least=terms.minimum_tokens)
        raise ValidationFailed(fields={"amount": [problem]})
    payout_id: int | None = session.scalar(
        insert(PayoutRequest)
        .values(user_id=user_id, amount_tokens=amount, amount_krw=terms.worth(amount))
        .on_conflict_do_nothing()
        .returning(PayoutRequest.id)
    )
    if payout_id is None:
        raise PayoutOpen(payout_id=open_request_id(session, user_id))
    earned = ledger.account_of(session, user_id, AccountKind.EARNED)
    waiting = ledger.account_of(session, user_id, AccountKind.PAYOUT)
    ledger.lock(session, earned, waiting)
    most = payable(session, user_id)  # under the lock: no sale, refund or conversion comes between
    if amount > most:
        raise InsufficientTokens(required=amount, available=most)
    key = f"payout_request:{payout_id}"
    ledger.move(session, earned, waiting, amount, TransferKind.PAYOUT_REQUEST, key=key)
    return payout_id


def payable(session: Session, user_id: int) -> int:
    """Return how many earned tokens an artist can have paid out in money.

    That is the earned balance, less what the artist earned from own orders and still has: the sum
    of the own orders in own styles that were delivered and not refunded, less all tokens that were
    made spendable (and not taken back for a refund), because those of own orders count as spent
    first. Neither difference is below zero. So all payouts together are never more than what
    orders of others brought, whatever is ordered and converted in between.
    """
    remaining = func.greatest(_from_own_orders(user_id) - _converted(user_id), 0)
    amount = session.scalar(
        select(func.greatest(Account.balance - remaining, 0)).where(
            Account.owner_id == user_id, Account.kind == AccountKind.EARNED
        )
    )
    return int(amount or 0)


def withdraw(session: Session, user_id: int, payout_id: int) -> None:
    """Withdraw an open request of the artist; its tokens are earned tokens again.

    Raises NotFound, also for a request of somebody else, and PayoutDecided.
    """
    if _find(session, payout_id).user_id != user_id:
        raise NotFound(resource="payout", id=payout_id)
    payout = _end(session, payout_id, status=PayoutStatus.WITHDRAWN)
    _return_tokens(session, payout)


def settle(
    session: Session, *, admin_id: int, payout_id: int, paid_krw: int, reference: str, note: str
) -> bool:
    """Record that an open request was paid; return whether the artist was notified.

    Raises NotFound, Forbidden for the administrator's own request, PayoutDecided, and
    ValidationFailed for more than the tokens are worth, or for less without a note.
    """
    worth = _of_somebody_else(session, payout_id, admin_id).amount_krw
    if paid_krw > worth:
        problem = FieldProblem("At most ₩%(most)d, the worth of the tokens.", most=worth)
        raise ValidationFailed(fields={"paid_krw": [problem]})
    if paid_krw < worth and not note:
        problem = FieldProblem("Say why less than the worth of the tokens was paid.")
        raise ValidationFailed(fields={"note": [problem]})
    payout = _end(
        session,
        payout_id,
        status=PayoutStatus.SETTLED,
        paid_krw=paid_krw,
        reference=reference,
        note=note,
    )
    waiting = ledger.account_of(session, payout.user_id, AccountKind.PAYOUT)
    platform = ledger.account_of(session, None, AccountKind.PLATFORM)
    ledger.lock(session, waiting)
    kind, key = TransferKind.PAYOUT_SETTLEMENT, f"payout_outcome:{payout.id}"
    ledger.move(session, waiting, platform, payout.amount_tokens, kind, key=key)
    return _record(session, admin_id, payout, reason=note or reference)


def decline(session: Session, *, admin_id: int, payout_id: int, reason: str) -> bool:
    """Decline an open request; its tokens are earned tokens again.

    Returns whether the artist was notified. Raises NotFound, Forbidden for the administrator's own
    request, and PayoutDecided.
    """
    _of_somebody_else(session, payout_id, admin_id)
    payout = _end(session, payout_id, status=PayoutStatus.DECLINED, note=reason)
    _return_tokens(session, payout)
    return _record(session, admin_id, payout, reason=reason)


def return_paid(session: Session, *, admin_id: int, payout_id: int, reason: str) -> bool:
    """Record that the bank returned the money of a settled request.

    Its tokens are earned tokens again. Returns whether the artist was notified. Raises NotFound,
    Forbidden for the administrator's own request, and InvalidTransition for a request that is not
    settled, also if it was returned.
    """
    _of_somebody_else(session, payout_id, admin_id)
    payout = _change(
        session,
        payout_id,
        PayoutRequest.status == PayoutStatus.SETTLED,
        status=PayoutStatus.RETURNED,
        returned_at=func.clock_timestamp(),
        return_note=reason,
    )
    if payout is None:
        raise InvalidTransition(
            **{
                "from": _status(session, payout_id),
                "action": "return",
                "allowed": [PayoutStatus.SETTLED],
            }
        )
    earned = ledger.account_of(session, payout.user_id, AccountKind.EARNED)
    platform = ledger.account_of(session, None, AccountKind.PLATFORM)
    ledger.lock(session, earned)
    kind, key = TransferKind.PAYOUT_REVERSAL, f"payout_reversal:{payout.id}"
    ledger.move(session, platform, earned, payout.amount_tokens, kind, key=key)
    return _record(session, admin_id, payout, before=PayoutStatus.SETTLED, reason=reason)


def open_request_id(session: Session, user_id: int) -> int | None:
    """Return the id of the artist's open request."""
    return session.scalar(
        select(PayoutRequest.id).where(PayoutRequest.user_id == user_id, is_open())
    )


def is_open() -> ColumnElement[bool]:
    """Return the condition that a request is open."""
    return PayoutRequest.status == PayoutStatus.REQUESTED


def _from_own_orders(user_id: int) -> ScalarSelect[int]:
    """Select the prices of an artist's own orders in own styles, without refunded ones."""
    return (
        select(func.coalesce(func.sum(Generation.price_tokens), 0))
        .join(Style, Style.id == Generation.style_id)
        .where(
            Style.artist_id == user_id,
            Generation.user_id == user_id,
            Generation.status == GenerationStatus.COMPLETED,
            ~ledger.is_reversed(),
        )
        .scalar_subquery()
    )


def _converted(user_id: int) -> ColumnElement[int]:
    """Return how many earned tokens became spendable, less those that refunds took back."""
    of_user = Account.owner_id == user_id, Account.kind == AccountKind.EARNED
    made, taken_back = (
        select(func.coalesce(func.sum(Transfer.amount), 0))
        .join(Account, Account.id == account_id)
        .where(*of_user, Transfer.kind == kind)
        .correlate(None)
        .scalar_subquery()
        for account_id, kind in (
            (Transfer.debit_account_id, TransferKind.CONVERSION),
            (Transfer.credit_account_id, TransferKind.CONVERSION_BACK),
        )
    )
    return func.greatest(made - taken_back, 0)


def _find(session: Session, payout_id: int) -> PayoutRequest:
    payout = session.get(PayoutRequest, payout_id)
    if payout is None:
        raise NotFound(resource="payout", id=payout_id)
    return payout


def _of_somebody_else(session: Session, payout_id: int, admin_id: int) -> PayoutRequest:
    """Return a request that the administrator may decide: nobody pays themselves."""
    payout = _find(session, payout_id)
    if payout.user_id == admin_id:
        raise Forbidden(owner=False)
    return payout


def _end(session: Session, payout_id: int, **values: str | int) -> PayoutRequest:
    now = func.clock_timestamp()
    ended = _change(session, payout_id, is_open(), ended_at=now, **values)
    if ended is None:
        raise PayoutDecided(payout_status=_status(session, payout_id))
    return ended


def _change(
    session: Session,
    payout_id: int,
    allowed: ColumnElement[bool],
    **values: str | int | ColumnElement[datetime],
) -> PayoutRequest | None:
    """Change the state of a request, by one conditional UPDATE; None if it is in another state."""
    changed: PayoutRequest | None = session.scalar(
        update(PayoutRequest)
        .where(PayoutRequest.id == payout_id, allowed)
        .values(**values)
        .returning(PayoutRequest)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return changed


def _status(session: Session, payout_id: int) -> PayoutStatus | None:
    return session.scalar(select(PayoutRequest.status).where(PayoutRequest.id == payout_id))


def _return_tokens(session: Session, payout: PayoutRequest) -> None:
    earned = ledger.account_of(session, payout.user_id, AccountKind.EARNED)
    waiting = ledger.account_of(session, payout.user_id, AccountKind.PAYOUT)
    ledger.lock(session, earned, waiting)
    kind, key = TransferKind.PAYOUT_RETURN, f"payout_outcome:{payout.id}"
    ledger.move(session, waiting, earned, payout.amount_tokens, kind, key=key)


def _record(
    session: Session,
    admin_id: int,
    payout: PayoutRequest,
    *,
    before: PayoutStatus = PayoutStatus.REQUESTED,
    reason: str,
) -> bool:
    """Log the decision of an administrator, and notify the artist; return whether it was done."""
    audit.record(
        session,
        admin_id=admin_id,
        object_type="payout",
        object_id=payout.id,
        before={"status": before},
        after={
            "status": payout.status,
            "amount_tokens": payout.amount_tokens,
            "paid_krw": payout.paid_krw,
            "reference": payout.reference,
        },
        reason=reason,
    )
    return notifications.notify_if_active(
        session,
        payout.user_id,
        NotificationType.PAYOUT_DECIDED,
        target_type="payout",
        target_id=payout.id,
        event=f"payout:{payout.id}:{payout.status}",
        details={
            "outcome": payout.status,
            "amount": payout.amount_tokens,
            "paid_krw": payout.paid_krw,
        },
    )
