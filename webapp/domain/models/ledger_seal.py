"""Sealed periods of the ledger: the sums and the hash of transfers that can no longer change."""

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BigInt, CreatedAt, Id, Sha256, Time


class LedgerSeal(Base):
    """One closed period of transfers, by their ids. Append-only: a trigger refuses changes.

    Seals are a chain: each continues the hash of the one before it.
    """

    __tablename__ = "ledger_seals"
    __table_args__ = (CheckConstraint("until_id > after_id", name="forward"),)

    id: Mapped[Id]
    after_id: Mapped[BigInt] = mapped_column(
        unique=True, comment="the last transfer of the seal before"
    )
    until_id: Mapped[BigInt] = mapped_column(unique=True, comment="its last transfer")
    transfer_count: Mapped[BigInt]
    sums: Mapped[dict[str, int]] = mapped_column(
        JSONB, comment="{kind of transfer: sum of amounts}"
    )
    chain_sha256: Mapped[Sha256] = mapped_column(
        comment="of the chain_sha256 before and all transfers"
    )
    last_transfer_at: Mapped[Time]
    created_at: Mapped[CreatedAt]


class SealedBalance(Base):
    """The balance of one account after all sealed transfers; every new seal adds to it."""

    __tablename__ = "ledger_sealed_balances"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    balance: Mapped[BigInt] = mapped_column(comment="what all sealed transfers add up to")
