"""Adoption: signing in assigns an anonymous account of Sets to the user, once.

If the user has no account, the anonymous account becomes the user's. Otherwise its rules, jobs and
credits are moved to the user's account. A person gets welcome credits once: those of further
adopted accounts are not moved, even if a job returns them later (`move_adopted`).
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
    """Adopt the anonymous account of a token; return the person's account. Idempotent.

    Raises TokenInvalid for a revoked token, AlreadyAdopted for another person's account,
    AccountInactive if the person's account was closed, and ServiceUnavailable while tasks hold
    locks of its jobs.
    """
    # Lock order: user, anonymous account, the user's account.
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
    """Lock the account FOR UPDATE, then its jobs with NOWAIT, with retries.

    A task locks its job first, and the account when it returns a credit. To avoid a deadlock this
    never waits for a job while the account is locked: both locks are released and tried again.
    """
    return sets_locks.lock_with_retries(session, lambda: _locked(session, public_id))


def _locked(session: Session, public_id: str) -> SetsAccount:
    account = session.scalar(
        select(SetsAccount)
        .where(SetsAccount.public_id == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if account is None:
        raise TokenInvalid
    session.execute(
        select(SetsJob.id).where(SetsJob.account_id == account.id).with_for_update(nowait=True)
    )
    return account


def _is_done(anonymous: SetsAccount, person: User, own: SetsAccount | None) -> bool:
    """Tell whether the person adopted it before. Raises AlreadyAdopted for another person."""
    if anonymous.user_id is None and anonymous.adopted_by_id is None:
        return False
    if anonymous.user_id == person.id:
        return True
    if own is not None and anonymous.adopted_by_id == own.id:
        return True
    raise AlreadyAdopted


def _take_over(session: Session, anonymous: SetsAccount, person: User) -> None:
    """Assign the account to a person, with its welcome credits as the person's."""
    account_id = anonymous.id
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id)
        .values(user_id=person.id, token_version=SetsAccount.token_version + 1)
    )
    # The person's key prevents a second welcome; the anonymous welcome is debited again.
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
    """Move rules, jobs, plan and credits of an anonymous account to the person's account."""
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
