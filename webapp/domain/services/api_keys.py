"""API keys: make one, revoke it, and find the person whose program sends it.

Only the SHA-256 of a secret is stored, without a salt: 160 random bits cannot be guessed. Secrets
begin with PREFIX, so that a person and a scanner of source code recognise them.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from webapp.domain.api_key_errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyLimitReached
from webapp.domain.errors import AccountInactive, FieldProblem, NotFound
from webapp.domain.models.account import User
from webapp.domain.models.api_key import ApiKey, Scope
from webapp.domain.services import accounts

PREFIX = "sl_"
SECRET = re.compile(rf"{PREFIX}[0-9a-f]{{40}}", re.ASCII)
SECRET_BYTES, START = 20, len(PREFIX) + 6
MAX_KEYS, MAX_DAYS = 20, 365

# Every request with a key executes it, so it is built once.
KEY_AND_USER = (
    select(ApiKey, User, (ApiKey.expires_at <= func.clock_timestamp()).label("is_expired"))
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.sha256 == bindparam("sha256"))
)


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; `secret` is shown once and not stored."""

    id: int
    secret: str


def create(
    session: Session,
    *,
    user: User,
    name: str,
    scopes: Collection[Scope] = (),
    expires_in_days: int | None = None,
) -> NewKey:
    """Make a key; Scope.READ is added to its scopes. Raises ApiKeyLimitReached."""
    accounts.lock_exclusively(session, user.id)
    used = select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user.id)
    if session.scalars(used).one() >= MAX_KEYS:
        problem = FieldProblem("At most %(most)d keys.", most=MAX_KEYS)
        raise ApiKeyLimitReached(limit=MAX_KEYS, fields={"name": [problem]})
    secret = PREFIX + secrets.token_hex(SECRET_BYTES)
    lifetime = None if expires_in_days is None else timedelta(days=expires_in_days)
    key = ApiKey(
        user_id=user.id,
        name=name,
        scopes=[scope for scope in Scope if scope in {Scope.READ, *scopes}],
        start=secret[:START],
        sha256=_digest(secret),
        expires_at=None if lifetime is None else datetime.now(UTC) + lifetime,
    )
    session.add(key)
    session.flush()
    return NewKey(key.id, secret)


def revoke(session: Session, *, user_id: int, key_id: int) -> None:
    """Delete a key of this person: it is refused from now on. Raises NotFound."""
    own = delete(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id)
    if session.scalar(own.returning(ApiKey.id)) is None:
        raise NotFound(resource="api_key")


def revoke_all(session: Session, user_id: int) -> None:
    """Delete the keys of a person whose account is closed."""
    session.execute(delete(ApiKey).where(ApiKey.user_id == user_id))


def authenticate(session: Session, secret: str) -> tuple[ApiKey, User]:
    """Return the key of a secret, and its person.

    Raises ApiKeyInvalid for a secret of no key, ApiKeyExpired, and AccountInactive.
    """
    if not SECRET.fullmatch(secret):
        raise ApiKeyInvalid
    row = session.execute(KEY_AND_USER, {"sha256": _digest(secret)}).one_or_none()
    if row is None:
        raise ApiKeyInvalid
    if row.is_expired:
        raise ApiKeyExpired(expired_at=row.ApiKey.expires_at)
    if not row.User.is_active:
        raise AccountInactive
    return row.ApiKey, row.User


def is_new_day(key: ApiKey) -> bool:
    """Tell whether the key was not used today yet."""
    return key.last_used_on != _today()


def record_use(session: Session, key_id: int) -> None:
    """Record that a key is used today."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_on=_today()))


def _today() -> date:
    return datetime.now(UTC).date()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
