"""Collections: named lists of pictures that a person keeps, private or for everybody."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, Id


class Collection(Base):
    """A list of pictures under a name."""

    __tablename__ = "collections"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 80", name="name"),
        Index("ix_collections_user", "user_id", "created_at", "id"),
        Index("ix_collections_recent", "created_at", "id"),
        Index("ix_collections_hidden", "created_at", "id", postgresql_where="is_flagged"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(String(500), server_default="")
    is_public: Mapped[bool] = mapped_column(server_default="false")
    is_flagged: Mapped[bool] = mapped_column(
        server_default="false", comment="hidden by an administrator from all but its owner"
    )
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class CollectionPicture(Base):
    """One picture in one collection; the primary key makes it unique."""

    __tablename__ = "collection_pictures"
    __table_args__ = (
        Index("ix_collection_pictures_newest", "collection_id", "created_at", "generation_id"),
        Index("ix_collection_pictures_picture", "generation_id", "collection_id"),
    )

    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), primary_key=True)
    created_at: Mapped[CreatedAt]
