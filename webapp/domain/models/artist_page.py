"""What an artist shows on the own page: banner, text, links and pinned pictures."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, ObjectKey
from webapp.domain.models.documents import ArtistLink

MAX_ABOUT, MAX_LINKS, MAX_PINNED = 2000, 5, 6


class ArtistPage(Base):
    """The page of an artist; without a row it has only the name, the styles and the pictures."""

    __tablename__ = "artist_pages"
    __table_args__ = (CheckConstraint("jsonb_array_length(links) <= 5", name="links"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    banner_key: Mapped[ObjectKey | None]
    about: Mapped[str] = mapped_column(String(MAX_ABOUT), server_default="")
    links: Mapped[list[ArtistLink]] = mapped_column(
        JSONB, server_default="[]", comment="[{url, label}]"
    )
    updated_at: Mapped[CreatedAt]


class PinnedPicture(Base):
    """A picture in one of the artist's styles that the artist pinned to the own page."""

    __tablename__ = "pinned_pictures"
    __table_args__ = (Index("ix_pinned_pictures_picture", "generation_id"),)

    artist_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), primary_key=True)
    created_at: Mapped[CreatedAt]
