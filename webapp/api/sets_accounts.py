"""/sets/auth and /sets/me: anonymous accounts of Sets, their tokens, and adoption by a person."""

from datetime import UTC, datetime

from flask import Blueprint, Response

from webapp.domain import sets_tokens
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.services import sets_accounts, sets_adoption
from webapp.domain.sets_errors import AlreadyAdopted, TokenExpired, TokenInvalid
from webapp.extensions import app_settings, db
from webapp.http import buckets, envelope, rate_limits, secret_keys
from webapp.http.access import (
    current_sets_account,
    public,
    sets_account,
    sets_claims,
    signed_in,
    user,
)
from webapp.http.operations import operation
from webapp.schemas.sets_accounts import AnonymousAccount, Revoked, RuleSlots, SetsMe

blueprint = Blueprint("sets_accounts", __name__)


@blueprint.post("/auth/anon")
@blueprint.post("/sets/auth/anon")
@rate_limits.limited(buckets.SETS_ACCOUNTS)
@public
@operation(gives=AnonymousAccount, status=201)
def open_anonymous() -> Response:
    """Open an anonymous account with welcome credits, and give its bearer token."""
    account = sets_accounts.open_anonymous(db.session())
    token = sets_tokens.issue(
        app_settings().secret_key, public_id=account.public_id, version=account.token_version
    )
    answer = AnonymousAccount(
        user_id=account.public_id,
        token=token.text,
        expires_at=token.expires_at,
    )
    return envelope.created(answer.model_dump(), "/api/v1/sets/me")


@blueprint.post("/sets/auth/revoke")
@sets_account
@operation(gives=Revoked)
def revoke() -> Response:
    """Refuse all tokens of the account from now on."""
    sets_accounts.revoke_tokens(db.session(), current_sets_account().id)
    return envelope.success(Revoked(revoked=True).model_dump())


@blueprint.post("/sets/auth/adopt")
@signed_in
@operation(gives=SetsMe, errors=(TokenExpired, TokenInvalid, AlreadyAdopted))
def adopt() -> Response:
    """Make the anonymous account of the bearer token the signed-in person's, once.

    The session proves the person, the Authorization header the account.
    """
    token = secret_keys.bearer()
    if token is None:
        raise TokenInvalid
    return _me(sets_adoption.adopt(db.session(), user(), sets_claims(token)))


@blueprint.get("/me")
@blueprint.get("/sets/me")
@sets_account
@operation(gives=SetsMe)
def read_me() -> Response:
    """Show plan, credits and limits of the account."""
    return _me(current_sets_account())


def _me(account: SetsAccount) -> Response:
    account_summary = sets_accounts.summary(db.session(), account, datetime.now(UTC))
    limits = account_summary.limits
    answer = SetsMe(
        user_id=account_summary.user_id,
        is_anonymous=account_summary.is_anonymous,
        plan=limits.plan,
        pro_until=account_summary.pro_until,
        credits=account_summary.credits,
        active_jobs=account_summary.active_jobs,
        max_concurrency=limits.max_active_jobs,
        max_items_per_job=limits.max_photos,
        rule_slots=RuleSlots(used=account_summary.used_rules, max=limits.max_rules),
        watermark=limits.has_watermark,
    )
    return envelope.success(answer.model_dump())
