"""API keys: secrets with which programs act for a person, and what each may do."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, Sha256, Tags, Time


class Scope(StrEnum):
    """What a key may do; every key may READ.

    Attributes:
        READ: see what everybody may see, and the person's own pictures, collections, styles,
            follows and tokens.
        ORDER: order pictures with the person's tokens, and cancel orders.
        MANAGE: change the person's own pictures, collections and styles.

    """

    READ = "read"
    ORDER = "order"
    MANAGE = "manage"


SCOPES = f"ARRAY[{', '.join(repr(scope.value) for scope in Scope)}]"


class ApiKey(Base):
    """One key of a person; the row is deleted when the key is revoked."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("sha256"),
        CheckConstraint("length(name) BETWEEN 1 AND 50", name="name"),
        CheckConstraint(f"'read' = ANY(scopes) AND scopes <@ {SCOPES}", name="scopes"),
        Index("ix_api_keys_user", "user_id", "id"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(50))
    scopes: Mapped[Tags]
    start: Mapped[str] = mapped_column(String(12), comment="of the secret, to recognise it")
    sha256: Mapped[Sha256] = mapped_column(comment="of the whole secret, which is not stored")
    expires_at: Mapped[Time | None]
    last_used_on: Mapped[date | None] = mapped_column(comment="day in UTC")
    created_at: Mapped[CreatedAt]
