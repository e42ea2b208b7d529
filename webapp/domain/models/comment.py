"""Comments on images, with one level of replies."""

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id


class Comment(Base):
    """One comment or one reply; `comment_count` of the image counts both."""

    __tablename__ = "comments"
    __table_args__ = (
        Index(
            "ix_comments_of_image",
            "generation_id",
            "created_at",
            "id",
            postgresql_where="parent_id IS NULL",
        ),
        # With its replies, to count them all.
        Index("ix_comments_generation_id", "generation_id"),
        Index("ix_comments_replies", "parent_id", "created_at", "id"),
        Index("ix_comments_of_person", "user_id", "created_at", "id"),
        Index("ix_comments_recent", "created_at", "id"),
        Index("ix_comments_hidden", "created_at", "id", postgresql_where="is_hidden"),
    )

    id: Mapped[Id]
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    content: Mapped[str] = mapped_column(String(500))
    is_hidden: Mapped[bool] = mapped_column(server_default="false")
    reply_count: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
