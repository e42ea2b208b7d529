"""Read one's own account: profile, balance, and the artist side with its signature."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, Role, SignaturePosition, SignatureSize, User
from webapp.domain.queries.answers import extended
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import ledger, notifications


@dataclass(frozen=True, slots=True)
class NewArtist:
    """A user's artist side right after the upgrade."""

    id: int
    artist_name: str
    contact_email: str | None
    signature_image_url: str | None


@dataclass(frozen=True, slots=True)
class OwnArtist(NewArtist):
    """The artist side of one's own account; the earned balance is in tokens."""

    signature_position: SignaturePosition
    signature_size: SignatureSize
    signature_opacity: float
    earned_token_balance: int
    follower_count: int


@dataclass(frozen=True, slots=True)
class Account:
    """One's own account; `artist` is None for a user who is no artist."""

    id: int
    username: str
    display_name: str
    email: str
    profile_image: str | None
    role: Role
    bio: str
    language: str | None
    token_balance: int
    unread_notifications: int
    created_at: datetime
    artist: OwnArtist | None


@dataclass(frozen=True, slots=True)
class UpgradedUser:
    """A user after the upgrade to an artist."""

    id: int
    role: Role


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The result of an upgrade to an artist."""

    user: UpgradedUser
    artist: NewArtist


def account(session: Session, storage: Storage, user: User) -> Account:
    """Return a user's own account."""
    balances = ledger.balances(session, user.id)
    artist = user.artist
    return Account(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        email=user.email,
        profile_image=signed_url(storage, user.profile_image_key),
        role=user.role,
        bio=user.bio,
        language=user.language,
        token_balance=balances.spendable,
        unread_notifications=notifications.unread_count(session, user.id),
        created_at=user.created_at,
        artist=None if artist is None else own_artist(storage, user, artist, balances.earned),
    )


def own_artist(storage: Storage, user: User, artist: Artist, earned: int) -> OwnArtist:
    """Return the artist side of one's own account, with the earned tokens."""
    return extended(
        OwnArtist,
        _new_artist(storage, artist),
        signature_position=artist.signature_position,
        signature_size=artist.signature_size,
        signature_opacity=artist.signature_opacity,
        earned_token_balance=earned,
        follower_count=user.follower_count,
    )


def upgrade(storage: Storage, user: User, artist: Artist) -> Upgrade:
    """Return the result of an upgrade to an artist."""
    user_part = UpgradedUser(id=user.id, role=user.role)
    return Upgrade(user=user_part, artist=_new_artist(storage, artist))


def _new_artist(storage: Storage, artist: Artist) -> NewArtist:
    return NewArtist(
        id=artist.user_id,
        artist_name=artist.artist_name,
        contact_email=artist.contact_email,
        signature_image_url=signed_url(storage, artist.signature_key),
    )
