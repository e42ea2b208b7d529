"""Adoption: signing in makes an anonymous account of Sets the person's, once.

A person without an account takes the anonymous account over as it stands. A person with one gets
its rules, jobs and credits moved there. Welcome credits are given once per person: those of further
adopted accounts are not moved, also when they come back from a job later (`move_adopted`).
"""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain.models.account import User
from webapp.domain.models.sets_account import CreditKind, SetsAccount
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import sets_accounts, sets_credits, sets_locks
from webapp.domain.services.sets_accounts import WELCOME_CREDITS
from webapp.domain.sets_errors import AlreadyAdopted, TokenInvalid
from webapp.domain.sets_tokens import Claims


def adopt(session: Session, person: User, claims: Claims) -> SetsAccount:
    """Make the anonymous account of a token the person's, and return the person's account.

    Repeated by the same person it changes nothing. Raises TokenInvalid for a revoked token,
    AlreadyAdopted when the account is another person's, AccountInactive for who has left, and
    ServiceUnavailable while tasks keep its jobs locked.
    """
    # The person first, then the anonymous account, then the person's: everybody in this order.
    sets_accounts.lock_person(session, person.id)
    anonymous = _locked_with_jobs(session, claims.public_id)
    own = sets_accounts.find_of_user(session, person.id)
    if _is_done(anonymous, person, own):
        return own or anonymous
    if not sets_accounts.accepts_token(anonymous, claims):
        raise TokenInvalid
    if own is None and not sets_accounts.was_welcomed(session, person):
        _take_over(session, anonymous, person)
        return _fresh(session, anonymous)
    own = own or sets_accounts.of_user(session, person)
    _move(session, anonymous, own)
    return _fresh(session, own)


def _locked_with_jobs(session: Session, public_id: str) -> SetsAccount:
    """Lock the account alone, then its jobs: FOR UPDATE waits for everybody who holds the account.

    A task locks its job first and the account when a credit comes back. So no lock of a job is
    waited for while the account is locked: both are released, and locked again a moment later.
    """
    return sets_locks.lock_with_retries(session, lambda: _locked(session, public_id))


def _locked(session: Session, public_id: str) -> SetsAccount:
    found = session.scalar(
        select(SetsAccount)
        .where(SetsAccount.public_id == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise TokenInvalid
    session.execute(
        select(SetsJob.id).where(SetsJob.account_id == found.id).with_for_update(nowait=True)
    )
    return found


def _is_done(anonymous: SetsAccount, person: User, own: SetsAccount | None) -> bool:
    """Tell whether the person has adopted it before. Raises AlreadyAdopted for another person."""
    if anonymous.user_id is None and anonymous.adopted_by_id is None:
        return False
    if anonymous.user_id == person.id:
        return True
    if own is not None and anonymous.adopted_by_id == own.id:
        return True
    raise AlreadyAdopted


def _take_over(session: Session, anonymous: SetsAccount, person: User) -> None:
    """Give the account to a person, and count its welcome credits as the person's."""
    account_id = anonymous.id
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id)
        .values(user_id=person.id, token_version=SetsAccount.token_version + 1)
    )
    # Entered under the person's key, which bars a second welcome; the first one is taken out.
    key = sets_accounts.welcome_key(person)
    sets_credits.add_entry(session, account_id, CreditKind.WELCOME, WELCOME_CREDITS, key=key)
    sets_credits.add_entry(
        session,
        account_id,
        CreditKind.ADOPTED,
        -WELCOME_CREDITS,
        key=f"welcome:counted:{account_id}",
    )


def _move(session: Session, anonymous: SetsAccount, own: SetsAccount) -> None:
    """Move everything of an anonymous account to the account of its person."""
    for model in (SetsRule, SetsJob):
        session.execute(
            update(model).where(model.account_id == anonymous.id).values(account_id=own.id)
        )
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == anonymous.id)
        .values(adopted_by_id=own.id, token_version=SetsAccount.token_version + 1)
    )
    if anonymous.pro_until is not None:
        session.execute(
            update(SetsAccount)
            .where(SetsAccount.id == own.id)
            .values(pro_until=func.greatest(SetsAccount.pro_until, anonymous.pro_until))
        )
    sets_credits.move_adopted(session, anonymous.id, own.id, key=f"account:{anonymous.id}")


def _fresh(session: Session, account: SetsAccount) -> SetsAccount:
    session.flush()
    session.refresh(account)
    return account
