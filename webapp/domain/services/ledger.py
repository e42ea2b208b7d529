"""The ledger of tokens: bonus, grant, purchase, hold, payout, refund; each happens once.

Unique indexes prevent a second transfer for the same reason.
Only `move` inserts transfers. It debits an account with one conditional UPDATE (`balance >=
amount`): with a separate SELECT, concurrent requests could spend the same tokens twice.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import InsufficientTokens
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.models.style import Style

WELCOME_TOKENS = 100
_REVERSAL = aliased(Transfer)  # created once, because `aliased` is slow


@dataclass(frozen=True)
class Balances:
    """The balances of one user, in tokens."""

    spendable: int
    escrowed: int
    earned: int


def welcome(session: Session, user: User) -> None:
    """Create a new user's accounts and credit the welcome bonus, once per person.

    The idempotency key is a hash of the Google identity, so that a person who deletes an account
    and opens another one gets no second bonus.
    """
    person = hashlib.sha256(user.google_sub.encode()).hexdigest()[:32]
    key = f"bonus:{person}"
    spendable = account_of(session, user.id, AccountKind.SPENDABLE)
    account_of(session, user.id, AccountKind.EARNED)
    if session.scalar(select(Transfer.id).where(Transfer.idempotency_key == key)) is None:
        platform = account_of(session, None, AccountKind.PLATFORM)
        move(session, platform, spendable, WELCOME_TOKENS, TransferKind.BONUS, key=key)


def grant(session: Session, user_id: int, amount: int, key: str) -> None:
    """Credit tokens on behalf of an operator, once per key."""
    platform = account_of(session, None, AccountKind.PLATFORM)
    spendable = account_of(session, user_id, AccountKind.SPENDABLE)
    move(session, platform, spendable, amount, TransferKind.GRANT, key=f"grant:{key}")


def credit_purchase(session: Session, purchase: Purchase) -> None:
    """Credit the tokens of a paid purchase."""
    move(
        session,
        account_of(session, None, AccountKind.PLATFORM),
        account_of(session, purchase.user_id, AccountKind.SPENDABLE),
        purchase.amount_tokens,
        TransferKind.PURCHASE,
        key=f"purchase:{purchase.id}",
        purchase_id=purchase.id,
    )


def refund_purchase(session: Session, purchase: Purchase) -> None:
    """Debit the tokens of a refunded purchase. Raises InsufficientTokens if they were spent."""
    move(
        session,
        account_of(session, purchase.user_id, AccountKind.SPENDABLE),
        account_of(session, None, AccountKind.PLATFORM),
        purchase.amount_tokens,
        TransferKind.PURCHASE_REFUND,
        key=f"purchase_refund:{purchase.id}",
        purchase_id=purchase.id,
    )


def hold(session: Session, generation: Generation) -> None:
    """Move the price of a generation from its buyer into escrow.

    Raises InsufficientTokens when the balance does not cover it.
    """
    move(
        session,
        account_of(session, generation.user_id, AccountKind.SPENDABLE),
        account_of(session, None, AccountKind.ESCROW),
        generation.price_tokens,
        TransferKind.HOLD,
        key=f"hold:{generation.id}",
        generation_id=generation.id,
    )


def release(session: Session, generation: Generation) -> None:
    """Pay the artist of a delivered generation out of escrow."""
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == generation.style_id))
    _settle(session, generation, artist_id, AccountKind.EARNED, TransferKind.PAYOUT)


def refund(session: Session, generation: Generation) -> None:
    """Refund the whole price of a failed or canceled generation out of escrow."""
    _settle(session, generation, generation.user_id, AccountKind.SPENDABLE, TransferKind.REFUND)


def refunded_at(session: Session, generation_id: int) -> datetime:
    """Return when the price of a failed or canceled generation was refunded."""
    return session.scalars(
        select(Transfer.created_at).where(
            Transfer.generation_id == generation_id, Transfer.kind == TransferKind.REFUND
        )
    ).one()


def is_reversed() -> ColumnElement[bool]:
    """Return the condition that an administrator refunded a row's generation."""
    return exists().where(
        _REVERSAL.generation_id == Generation.id, _REVERSAL.kind == TransferKind.REVERSAL.value
    )


def _settle(
    session: Session,
    generation: Generation,
    owner_id: int | None,
    account: AccountKind,
    kind: TransferKind,
) -> None:
    move(
        session,
        account_of(session, None, AccountKind.ESCROW),
        account_of(session, owner_id, account),
        generation.price_tokens,
        kind,
        key=f"{kind.value}:{generation.id}",
        generation_id=generation.id,
    )


def move(
    session: Session,
    debit: Account,
    credit: Account,
    amount: int,
    kind: TransferKind,
    *,
    key: str,
    generation_id: int | None = None,
    purchase_id: int | None = None,
) -> int:
    """Move an amount from one account to another; return the transfer's id.

    Raises InsufficientTokens if the balance of a user's account is too low, and IntegrityError if
    there is a transfer with the same key, or another outcome of the same generation or purchase.
    """
    debit_after = _change(session, debit, -amount)
    credit_after = _change(session, credit, amount)
    return session.scalars(
        insert(Transfer)
        .values(
            debit_account_id=debit.id,
            credit_account_id=credit.id,
            amount=amount,
            kind=kind,
            generation_id=generation_id,
            purchase_id=purchase_id,
            idempotency_key=key,
            debit_balance_after=debit_after,
            credit_balance_after=credit_after,
        )
        .returning(Transfer.id)
    ).one()


def lock(session: Session, *accounts: Account) -> dict[int, int]:
    """Lock accounts of users and return their balances by id.

    Always in the order of their ids, so that two transactions never wait for each other.
    """
    rows = session.execute(
        select(Account.id, Account.balance)
        .where(Account.id.in_({account.id for account in accounts}))
        .order_by(Account.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.balance for row in rows}


def _change(session: Session, account: Account, amount: int) -> int | None:
    if account.owner_id is None:
        return None
    after = session.execute(
        update(Account)
        .where(Account.id == account.id, Account.balance + amount >= 0)
        .values(balance=Account.balance + amount)
        .returning(Account.balance)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if after is None:
        available = session.scalar(select(Account.balance).where(Account.id == account.id))
        raise InsufficientTokens(required=-amount, available=available)
    return after


def account_of(session: Session, owner_id: int | None, kind: AccountKind) -> Account:
    """Return an account; it is created on first use."""
    query = select(Account).where(
        Account.owner_id.is_not_distinct_from(owner_id), Account.kind == kind
    )
    account = session.scalar(query)
    if account is None:
        balance = None if owner_id is None else 0
        session.execute(
            insert(Account)
            .values(owner_id=owner_id, kind=kind, balance=balance)
            .on_conflict_do_nothing()
        )
        account = session.scalars(query).one()
    return account


def spendable(session: Session, user_id: int, *, lock: bool = False) -> int:
    """Return a user's spendable balance; with `lock` no other transaction can change it."""
    statement = spendable_balance(user_id)
    return session.scalar(statement.with_for_update(key_share=True) if lock else statement) or 0


def spendable_balance(user_id: int) -> Select[int | None]:
    """Select the balance of a user's spendable tokens; no row before the first posting."""
    return select(Account.balance).where(
        Account.owner_id == user_id, Account.kind == AccountKind.SPENDABLE
    )


def balances(session: Session, user_id: int) -> Balances:
    """Return a user's spendable, escrowed and earned tokens."""
    rows = session.execute(select(Account.kind, Account.balance).where(Account.owner_id == user_id))
    cached = {row.kind: row.balance for row in rows}
    escrowed = session.scalar(
        select(func.coalesce(func.sum(Generation.price_tokens), 0)).where(
            Generation.user_id == user_id,
            Generation.status.in_(
                [
                    GenerationStatus.QUEUED,
                    GenerationStatus.PROCESSING,
                    GenerationStatus.RETRYING,
                ]
            ),
        )
    )
    return Balances(
        spendable=cached.get(AccountKind.SPENDABLE) or 0,
        escrowed=int(escrowed or 0),
        earned=cached.get(AccountKind.EARNED) or 0,
    )
