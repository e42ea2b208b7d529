"""Heartbeats: when the relay and each housekeeping task last succeeded, and their numbers."""

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt


class Heartbeat(Base):
    """One row each for the relay, every housekeeping task, and the last ledger check."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    at: Mapped[CreatedAt]
    numbers: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
