"""Read the API keys of a person; nothing of a secret but its start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.api_key import ApiKey


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key as its person sees it."""

    id: int
    name: str
    scopes: Sequence[str]
    start: str
    expires_at: datetime | None
    is_expired: bool
    last_used_on: date | None
    created_at: datetime


def own(session: Session, user_id: int) -> list[KeyView]:
    """List the keys of a person, newest first."""
    keys = select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.id.desc())
    return [_view(key) for key in session.scalars(keys)]


def one(session: Session, key_id: int) -> KeyView:
    """Return one key, which exists."""
    return _view(session.get_one(ApiKey, key_id))


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        start=key.start,
        expires_at=key.expires_at,
        is_expired=key.expires_at is not None and key.expires_at <= datetime.now(UTC),
        last_used_on=key.last_used_on,
        created_at=key.created_at,
    )
