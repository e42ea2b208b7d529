"""Idempotency keys: the stored response of a POST, which a retry of it receives."""

from pydantic import JsonValue
from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Sha256


class IdempotencyKey(Base):
    """One key of a user for a route; `response` is null only inside the creating transaction."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    route: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    body_sha256: Mapped[Sha256]
    response: Mapped[dict[str, JsonValue] | None] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)


class SetsIdempotencyKey(Base):
    """The same for accounts of Sets, which may have no user."""

    __tablename__ = "sets_idempotency_keys"

    account_id: Mapped[int] = mapped_column(ForeignKey("sets_accounts.id"), primary_key=True)
    route: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    body_sha256: Mapped[Sha256]
    response: Mapped[dict[str, JsonValue] | None] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
