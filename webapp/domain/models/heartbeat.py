"""Heartbeats: when each part without an address last did its work, and what it found."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Json


class Heartbeat(Base):
    """One row per part: the relay, each task of housekeeping, the last check of the ledger."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    at: Mapped[CreatedAt]
    numbers: Mapped[Json] = mapped_column(server_default="{}")
