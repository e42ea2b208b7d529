"""Base models: the hash of the weights that a worker last reported, by name."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Sha256


class BaseModel(Base):
    """One row per base model that a renderer has loaded; styles of other weights are outdated."""

    __tablename__ = "base_models"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    sha256: Mapped[Sha256]
    seen_at: Mapped[CreatedAt]
