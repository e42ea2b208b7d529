"""Accounts of Sets: opened anonymously or on a person's first use, with a plan and welcome credits.

Whoever writes for an account holds its row with FOR KEY SHARE (`lock_active`); adoption takes
it with FOR UPDATE, so nothing is written for an account after it was adopted. Code that decides by
counting rows of an account serialises with `lock`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

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
    """What a plan allows. `max_photos` is per job."""

    plan: SetsPlan
    max_active_jobs: int
    max_rules: int
    max_photos: int
    has_watermark: bool

    def allows(self, template: Template) -> bool:
        """Tell whether results may be exported by a template of a preset."""
        return template.plan is Plan.FREE or self.plan is SetsPlan.PRO


PLANS = {
    SetsPlan.FREE: PlanLimits(SetsPlan.FREE, 1, 2, 10, has_watermark=True),
    SetsPlan.PRO: PlanLimits(SetsPlan.PRO, 3, 20, 200, has_watermark=False),
}


@dataclass(frozen=True)
class AccountSummary:
    """An account as its holder sees it."""

    user_id: str
    is_anonymous: bool
    limits: PlanLimits
    pro_until: datetime | None
    credits: int
    active_jobs: int
    used_rules: int


def limits_of(account: SetsAccount, now: datetime) -> PlanLimits:
    """Return what the plan of an account allows at a moment (with a time zone)."""
    is_pro = account.pro_until is not None and account.pro_until > now
    return PLANS[SetsPlan.PRO if is_pro else SetsPlan.FREE]


def open_anonymous(session: Session) -> SetsAccount:
    """Make an account that is used by bearer tokens, with the welcome credits."""
    made = _made(session, user_id=None)
    _welcome(session, made.id, key=f"welcome:account:{made.id}")
    return made


def of_user(session: Session, user: User) -> SetsAccount:
    """Return the account of a person, made on first use with the welcome credits, once a person.

    Raises AccountInactive for who has left meanwhile.
    """
    return find_of_user(session, user.id) or _open_for(session, user)


def find_of_user(session: Session, user_id: int) -> SetsAccount | None:
    """Return the account of a person who has used Sets before."""
    return session.scalar(select(SetsAccount).where(SetsAccount.user_id == user_id))


def of_token(session: Session, claims: Claims) -> SetsAccount:
    """Return the account of a valid signature.

    Raises TokenInvalid for revoked tokens and for accounts that belong to a person by now.
    """
    account = find(session, claims.public_id)
    if account is None or not accepts_token(account, claims):
        raise TokenInvalid
    return account


def accepts_token(account: SetsAccount, claims: Claims) -> bool:
    """Tell whether an account may be used by a token: not revoked, adopted or a person's."""
    is_open = account.user_id is None and account.adopted_by_id is None
    return is_open and account.token_version == claims.version


def find(session: Session, account_public_id: str) -> SetsAccount | None:
    """Return an account by its public id."""
    return session.scalar(select(SetsAccount).where(SetsAccount.public_id == account_public_id))


def lock_active(session: Session, account_id: int) -> SetsAccount:
    """Keep an account from being adopted and its person from leaving until this transaction ends.

    Views in several steps need this in each step that writes. Returns the fresh row. Raises
    TokenInvalid when it was adopted meanwhile, AccountInactive when the person has left.
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
    """Lock the row of an account until this transaction ends, and return it fresh.

    FOR NO KEY UPDATE: it waits for another `lock`, not for a row that is only held; requests that
    hold the same account would otherwise wait for each other.
    """
    return session.scalars(
        select(SetsAccount)
        .where(SetsAccount.id == account_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def revoke_tokens(session: Session, account_id: int) -> None:
    """Refuse all tokens that were issued for an account so far."""
    session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id)
        .values(token_version=SetsAccount.token_version + 1)
    )


def refuse_revoked(session: Session, account_id: int, version: int) -> None:
    """Raise TokenInvalid once the tokens of this version were revoked, by adoption or leaving too.

    For who goes on for minutes after it was let in.
    """
    now = session.scalars(select(SetsAccount.token_version).where(SetsAccount.id == account_id))
    if now.one() != version:
        raise TokenInvalid


def record_use(session: Session, account: SetsAccount, now: datetime) -> None:
    """Record that an account is used, at most once a day."""
    if account.seen_at > now - SEEN_AGAIN:
        return
    session.execute(
        update(SetsAccount).where(SetsAccount.id == account.id).values(seen_at=sets_credits.NOW)
    )


def summary(session: Session, account: SetsAccount, now: datetime) -> AccountSummary:
    """Return plan, credits and what is in use of the limits."""
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
    """Return how many jobs of an account count against its plan; variants do not."""
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
    """Return how many rules of an account are saved."""
    return session.scalars(
        select(func.count())
        .select_from(SetsRule)
        .where(SetsRule.account_id == account_id, SetsRule.deleted_at.is_(None))
    ).one()


def lock_person(session: Session, user_id: int) -> None:
    """Make and adopt the accounts of a person one at a time. Raises AccountInactive."""
    is_active = session.scalar(
        select(User.is_active).where(User.id == user_id).with_for_update(key_share=True)
    )
    if not is_active:
        raise AccountInactive


def welcome_key(user: User) -> str:
    """Return the key of a person's welcome: of the identity, as `ledger.welcome` has it."""
    person = hashlib.sha256(user.google_sub.encode()).hexdigest()[:32]
    return f"welcome:person:{person}"


def was_welcomed(session: Session, user: User) -> bool:
    """Tell whether a person has had welcome credits, under this account or one deleted since."""
    key = welcome_key(user)
    found = select(SetsCreditEntry.id).where(SetsCreditEntry.idempotency_key == key)
    return session.scalar(found) is not None


def _open_for(session: Session, user: User) -> SetsAccount:
    lock_person(session, user.id)
    twin = find_of_user(session, user.id)
    if twin is not None:
        return twin
    made = _made(session, user_id=user.id)
    if not was_welcomed(session, user):
        _welcome(session, made.id, key=welcome_key(user))
    return made


def _made(session: Session, *, user_id: int | None) -> SetsAccount:
    made = SetsAccount(public_id=public_id("u_"), user_id=user_id)
    session.add(made)
    session.flush()
    session.refresh(made)
    return made


def _welcome(session: Session, account_id: int, *, key: str) -> None:
    sets_credits.add_entry(session, account_id, CreditKind.WELCOME, WELCOME_CREDITS, key=key)
