"""Users, their artist profiles, their unique name keys, and their sign-ins."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.db import Base
from webapp.domain.models.columns import (
    CreatedAt,
    Id,
    ObjectKey,
    Sha256,
    Time,
    grams_of,
    one_of,
)


class Role(StrEnum):
    """What a user may do."""

    USER = "user"
    ARTIST = "artist"
    ADMIN = "admin"


class SignaturePosition(StrEnum):
    """The position of the signature, always at the bottom."""

    BOTTOM_LEFT = "bottom-left"
    BOTTOM_CENTER = "bottom-center"
    BOTTOM_RIGHT = "bottom-right"


class SignatureSize(StrEnum):
    """15, 25 or 35 % of the image's width."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


def _username(context: Any) -> str:
    """Return the username of the inserted row, the default of the display name."""
    name: str = context.get_current_parameters()["username"]
    return name


class User(Base):
    """A person, identified by the identity provider's subject, never by e-mail."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("google_sub"),
        UniqueConstraint("username"),
        CheckConstraint(one_of("role", Role), name="role"),
        CheckConstraint("language IN ('en', 'ko')", name="language"),
        Index("ix_users_recent", "created_at", "id", postgresql_where="deleted_at IS NULL"),
        Index(
            "ix_users_closed",
            "created_at",
            "id",
            postgresql_where="NOT is_active AND deleted_at IS NULL",
        ),
        Index("ix_users_role", "role", "created_at", "id", postgresql_where="deleted_at IS NULL"),
        # Only artists are searched and ranked, so these indexes have no other users.
        Index(
            "ix_users_grams",
            "username_grams",
            postgresql_using="gin",
            postgresql_where="role <> 'user'",
        ),
        Index(
            "ix_users_exact",
            text("searchable(username::text)"),
            postgresql_where="role <> 'user'",
        ),
        Index(
            "ix_users_popular",
            "follower_count",
            "created_at",
            "id",
            postgresql_where="is_active AND role <> 'user'",
        ),
    )

    id: Mapped[Id]
    google_sub: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(255))
    username: Mapped[str] = mapped_column(String(50), comment="the handle, in ASCII")
    display_name: Mapped[str] = mapped_column(
        String(50), default=_username, comment="in any script; not unique"
    )
    bio: Mapped[str] = mapped_column(String(150), server_default="")
    profile_image_key: Mapped[ObjectKey | None]
    role: Mapped[Role] = mapped_column(String(10), server_default=Role.USER.value)
    language: Mapped[str | None] = mapped_column(String(2))
    is_active: Mapped[bool] = mapped_column(server_default="true")
    follower_count: Mapped[int] = mapped_column(server_default="0")
    deleted_at: Mapped[Time | None] = mapped_column(comment="anonymised; the ledger stays")
    created_at: Mapped[CreatedAt]
    username_grams: Mapped[list[str]] = grams_of("username::text")

    artist: Mapped["Artist | None"] = relationship(back_populates="user", lazy="joined")


class Artist(Base):
    """The artist profile of a user: the public name and the signature on every image."""

    __tablename__ = "artists"
    __table_args__ = (
        CheckConstraint(one_of("signature_position", SignaturePosition), name="position"),
        CheckConstraint(one_of("signature_size", SignatureSize), name="size"),
        CheckConstraint("signature_opacity BETWEEN 0.3 AND 1", name="opacity"),
        Index("ix_artists_grams", "artist_name_grams", postgresql_using="gin"),
        Index("ix_artists_exact", text("searchable(artist_name::text)")),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    artist_name: Mapped[str] = mapped_column(String(100))
    contact_email: Mapped[str] = mapped_column(
        String(255), comment="as the artist wrote it; nobody has verified it"
    )
    signature_key: Mapped[ObjectKey]
    signature_sha256: Mapped[Sha256]
    signature_position: Mapped[SignaturePosition] = mapped_column(
        String(20), server_default=SignaturePosition.BOTTOM_RIGHT.value
    )
    signature_size: Mapped[SignatureSize] = mapped_column(
        String(10), server_default=SignatureSize.MEDIUM.value
    )
    signature_opacity: Mapped[float] = mapped_column(server_default="0.7")
    created_at: Mapped[CreatedAt]
    artist_name_grams: Mapped[list[str]] = grams_of("artist_name::text")

    user: Mapped[User] = relationship(back_populates="artist", lazy="raise")


class TakenName(Base):
    """A unique key of a username or an artist name, see `domain.names.keys`."""

    __tablename__ = "taken_names"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)


class SignIn(Base):
    """One signed-in browser; setting `ended_at` ends the session, whatever its cookie says."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_over", text("least(expires_at, ended_at)")),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[Time]
    ended_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
