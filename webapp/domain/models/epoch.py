"""Epochs: where the database has run, one row for the first place and one for each restore."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id


class Epoch(Base):
    """The time between two restores; numbers of an earlier epoch are never given again."""

    __tablename__ = "epochs"

    id: Mapped[Id]
    place: Mapped[str] = mapped_column(
        String(80), comment="system identifier, timeline and OID of the database"
    )
    first_fence: Mapped[int] = mapped_column(
        server_default="0", comment="fences of new jobs begin here"
    )
    began_at: Mapped[CreatedAt]
