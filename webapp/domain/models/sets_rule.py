"""Saved rules of Sets: one setting per concept of a preset, and the protected concepts."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id, JsonStrings, Time
from webapp.domain.models.documents import Setting


class SetsRule(Base):
    """A rule with a name. A deleted rule frees its slot; its row stays for jobs that used it."""

    __tablename__ = "sets_rules"
    __table_args__ = (
        UniqueConstraint("public_id"),
        CheckConstraint("length(name) BETWEEN 1 AND 50", name="name"),
        Index(
            "ix_sets_rules_account",
            "account_id",
            "created_at",
            "id",
            postgresql_where="deleted_at IS NULL",
        ),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40), comment="rule_…")
    account_id: Mapped[int] = mapped_column(ForeignKey("sets_accounts.id"))
    preset_id: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(50))
    concepts: Mapped[dict[str, Setting]] = mapped_column(
        JSONB, comment="{concept: {action, value, options}}"
    )
    protect: Mapped[JsonStrings]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    deleted_at: Mapped[Time | None]
