"""Accounts of Sets: created anonymously or at a user's first use, with a plan and welcome credits.

Every transaction that writes for an account locks its row FOR KEY SHARE (`lock_active`). Adoption
locks it FOR UPDATE, so nothing is written for an account after its adoption. Code that counts rows
of an account before it inserts another one uses `lock`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.errors import AccountInactive
from webapp.domain.identifiers import public_id
from webapp.domain.models.account import User
from webapp.domain.models.sets_account import CreditKind, SetsAccount, SetsCreditEntry, SetsPlan
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import accounts, sets_credits
from webapp.domain.sets_errors import TokenInvalid
from webapp.domain.sets_presets import Plan, Template
from webapp.domain.sets_tokens import Claims

WELCOME_CREDITS = 10
SEEN_AGAIN = timedelta(days=1)
ACTIVE = (
    SetsJobStatus.CREATED,
    SetsJobStatus.UPLOADED,
    SetsJobStatus.QUEUED,
    SetsJobStatus.RUNNING,
)


@dataclass(frozen=True)
class PlanLimits:
    """The limits of a plan. `max_photos` is per job."""

    plan: SetsPlan
    max_active_jobs: int
    max_rules: int
    max_photos: int
    has_watermark: bool

    def allows(self, template: Template) -> bool:
        """Tell whether the plan allows exports with a template."""
        return template.plan is Plan.FREE or self.plan is SetsPlan.PRO


PLANS = {
    SetsPlan.FREE: PlanLimits(SetsPlan.FREE, 1, 2, 10, has_watermark=True),
    SetsPlan.PRO: PlanLimits(SetsPlan.PRO, 3, 20, 200, has_watermark=False),
}


@dataclass(frozen=True)
class AccountSummary:
    """An account as its owner sees it."""

    user_id: str
    is_anonymous: bool
    limits: PlanLimits
    pro_until: datetime | None
    credits: int
    active_jobs: int
    used_rules: int


def limits_of(account: SetsAccount, now: datetime) -> PlanLimits:
    """Return the limits of an account's plan at a time (with a time zone)."""
    is_pro = account.pro_until is not None and account.pro_until > now
    return PLANS[SetsPlan.PRO if is_pro else SetsPlan.FREE]


def open_anonymous(session: Session) -> SetsAccount:
    """Create an account that is used with bearer tokens, with the welcome credits."""
    account = _create(session, user_id=None)
    _welcome(session, account.id, key=f"welcome:account:{account.id}")
    return account


def of_user(session: Session, user: User) -> SetsAccount:
    """Return the account of a user; it is created at first use, with the welcome credits.

    A person gets welcome credits once. Raises AccountInactive if the user's account was closed.
    """
    return find_of_user(session, user.id) or _open_for(session, user)


def find_of_user(session: Session, user_id: int) -> SetsAccount | None:
    """Return the account of a user, or None before the first use of Sets."""
    return session.scalar(select(SetsAccount).where(SetsAccount.user_id == user_id))


def of_token(session: Session, claims: Claims) -> SetsAccount:
    """Return the account of a verified token.

    Raises TokenInvalid for revoked tokens and for accounts that have a user by now.
    """
    account = find(session, claims.public_id)
    if account is None or not accepts_token(account, claims):
        raise TokenInvalid
    return account


def accepts_token(account: SetsAccount, claims: Claims) -> bool:
    """Tell whether a token gives access to an account: not revoked, no user, not adopted."""
    is_open = account.user_id is None and account.adopted_by_id is None
    return is_open and account.token_version == claims.version


def find(session: Session, account_public_id: str) -> SetsAccount | None:
    """Return an account by its public id."""
    return session.scalar(select(SetsAccount).where(SetsAccount.public_id == account_public_id))


def lock_active(session: Session, account_id: int) -> SetsAccount:
    """Lock the row FOR KEY SHARE, so that the account cannot be adopted or closed until commit.

    A view with several transactions calls this in each one that writes. Returns the refreshed row.
    Raises TokenInvalid if it was adopted, AccountInactive if the user's account was closed.
    """
    account = session.scalars(
        select(SetsAccount)
        .where(SetsAccount.id == account_id)
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    if account.adopted_by_id is not None:
        raise TokenInvalid
    if account.user_id is not None:
        accounts.lock_active(session, account.user_id)
    return account


def lock(session: Session, account_id: int) -> SetsAccount:
    """Lock the row FOR NO KEY UPDATE until commit, and return it refreshed.

    It conflicts with another `lock`, but not with `lock_active`: two requests that hold
    `lock_active` on the same account would otherwise deadlock.
    """
    return session.scalars(
        select(SetsAccount)
        .where(SetsAccount.id == account_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def revoke_tokens(session: Session, account_id: int) -> None:
    """Revoke all tokens that were issued for an account so far."""
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id)
        .values(token_version=SetsAccount.token_version + 1)
    )


def refuse_revoked(session: Session, account_id: int, version: int) -> None:
    """Raise TokenInvalid if the tokens of this version were revoked, also by adoption or closing.

    For requests that take minutes after their authentication.
    """
    current = session.scalars(select(SetsAccount.token_version).where(SetsAccount.id == account_id))
    if current.one() != version:
        raise TokenInvalid


def record_use(session: Session, account: SetsAccount, now: datetime) -> None:
    """Record that an account is in use, at most once a day."""
    if account.seen_at > now - SEEN_AGAIN:
        return
    session.execute(
        update(SetsAccount).where(SetsAccount.id == account.id).values(seen_at=jobs.NOW)
    )


def summary(session: Session, account: SetsAccount, now: datetime) -> AccountSummary:
    """Return plan, credits, and how much of the limits is used."""
    return AccountSummary(
        user_id=account.public_id,
        is_anonymous=account.user_id is None,
        limits=limits_of(account, now),
        pro_until=account.pro_until,
        credits=account.credits,
        active_jobs=active_jobs(session, account.id),
        used_rules=used_rules(session, account.id),
    )


def active_jobs(session: Session, account_id: int) -> int:
    """Return how many active jobs an account has, without variants."""
    return session.scalars(
        select(func.count())
        .select_from(SetsJob)
        .where(
            SetsJob.account_id == account_id,
            SetsJob.status.in_(ACTIVE),
            SetsJob.parent_id.is_(None),
        )
    ).one()


def used_rules(session: Session, account_id: int) -> int:
    """Return how many saved rules an account has."""
    return session.scalars(
        select(func.count())
        .select_from(SetsRule)
        .where(SetsRule.account_id == account_id, SetsRule.deleted_at.is_(None))
    ).one()


def lock_person(session: Session, user_id: int) -> None:
    """Lock a user row for the creation or adoption of an account. Raises AccountInactive."""
    is_active = session.scalar(
        select(User.is_active).where(User.id == user_id).with_for_update(key_share=True)
    )
    if not is_active:
        raise AccountInactive


def welcome_key(user: User) -> str:
    """Return the key of a user's welcome credits: the identity's hash, as in `ledger.welcome`."""
    person = hashlib.sha256(user.google_sub.encode()).hexdigest()[:32]
    return f"welcome:person:{person}"


def was_welcomed(session: Session, user: User) -> bool:
    """Tell whether a person has had welcome credits, also with an account deleted since."""
    key = welcome_key(user)
    query = select(SetsCreditEntry.id).where(SetsCreditEntry.idempotency_key == key)
    return session.scalar(query) is not None


def _open_for(session: Session, user: User) -> SetsAccount:
    lock_person(session, user.id)
    concurrent = find_of_user(session, user.id)
    if concurrent is not None:
        return concurrent
    account = _create(session, user_id=user.id)
    if not was_welcomed(session, user):
        _welcome(session, account.id, key=welcome_key(user))
    return account


def _create(session: Session, *, user_id: int | None) -> SetsAccount:
    account = SetsAccount(public_id=public_id("u_"), user_id=user_id)
    session.add(account)
    session.flush()
    session.refresh(account)
    return account


def _welcome(session: Session, account_id: int, *, key: str) -> None:
    sets_credits.add_entry(session, account_id, CreditKind.WELCOME, WELCOME_CREDITS, key=key)
