"""Likes: who likes which image; `like_count` of the image counts them."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt


class Like(Base):
    """One user likes one image; the primary key makes it unique."""

    __tablename__ = "likes"
    __table_args__ = (Index("ix_likes_user", "user_id", "created_at", "generation_id"),)

    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    created_at: Mapped[CreatedAt]
