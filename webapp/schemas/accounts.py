"""Bodies and answers about people."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field

from webapp.domain import names
from webapp.domain.models.account import Role, SignaturePosition, SignatureSize
from webapp.schemas.fields import Answer, Body, Count, Hash, Id, PlainText, Time, Url


def all_visible(name: str) -> str:
    """Return a tidy name; raises ValueError when something in it cannot be seen."""
    if not names.is_visible(name):
        raise ValueError("Invisible characters and stacked combining marks are not allowed.")
    return names.normalise(name)


# Checked before the length is: blanks that are taken away do not count.
PersonName = Annotated[PlainText, AfterValidator(all_visible)]
DataUrl = Annotated[str, Field(pattern=r"^data:image/png;base64,[A-Za-z0-9+/=\s]+$")]
Opacity = Annotated[float, Field(ge=0.3, le=1, allow_inf_nan=False)]


class UpgradeToArtist(Body):
    """The text fields of the upgrade; the signature comes as a file or a data URL."""

    artist_name: PersonName = Field(min_length=2, max_length=100, examples=["J. Han"])
    contact_email: PlainText | None = Field(
        None,
        max_length=255,
        pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$",
        validation_alias=AliasChoices("contact_email", "verified_email"),
        description="not verified; `verified_email` is its former name",
    )
    signature_image: DataUrl | None = None


class ArtistChanges(Body):
    """What an artist may change; the signature comes as a file or a data URL."""

    artist_name: PersonName | None = Field(None, min_length=2, max_length=100)
    signature_image: DataUrl | None = None
    signature_position: SignaturePosition | None = None
    signature_size: SignatureSize | None = None
    signature_opacity: Opacity | None = None


class Profile(Body):
    """What a person may change of the own account; a picture comes as a file."""

    username: str | None = Field(None, min_length=3, max_length=50, pattern=r"^[A-Za-z0-9_.\-]+$")
    display_name: PersonName | None = Field(
        None, min_length=1, max_length=50, description="in any script", examples=["서하늘"]
    )
    bio: PlainText | None = Field(None, max_length=150)
    language: Literal["en", "ko"] | None = None


class Farewell(Body):
    """DELETE /users/me: one's own name, so that nobody leaves by accident."""

    confirm: str = Field(max_length=50, examples=["mina"])


class Left(Answer):
    """What became of the account that was closed."""

    result: Literal["deleted", "deactivated"]


class CsrfToken(Answer):
    """What unsafe requests carry in X-CSRFToken."""

    csrf_token: Hash


class ArtistProfile(Answer):
    """The artist side of one's own account."""

    id: Id
    artist_name: str = Field(examples=["J. Han"])
    contact_email: str | None = Field(examples=["han@example.org"])
    signature_image_url: Url
    signature_position: SignaturePosition
    signature_size: SignatureSize
    signature_opacity: float = Field(ge=0.3, le=1, examples=[0.7])
    earned_token_balance: Count
    follower_count: Count


class Account(Answer):
    """GET /auth/me."""

    id: Id
    username: str = Field(examples=["mina"])
    display_name: str = Field(examples=["서하늘"])
    email: str = Field(examples=["mina@example.org"])
    profile_image: Url | None
    role: Role
    bio: str = Field(examples=["I draw harbors."])
    language: Literal["en", "ko"] | None
    token_balance: Count
    unread_notifications: Count
    created_at: Time
    artist: ArtistProfile | None


class LoggedOut(Answer):
    """POST /auth/logout."""

    logged_out: Literal[True]


class UpgradedUser(Answer):
    """Who was upgraded."""

    id: Id
    role: Role


class UpgradedArtist(Answer):
    """The new artist."""

    id: Id
    artist_name: str = Field(examples=["J. Han"])
    contact_email: str | None = Field(examples=["han@example.org"])
    signature_image_url: Url


class Upgraded(Answer):
    """POST /users/me/upgrade-to-artist."""

    user: UpgradedUser
    artist: UpgradedArtist


class LoginQuery(Body):
    """GET /auth/google/login; what is no local path leads to the front page."""

    next: str = "/"
    login_hint: str | None = Field(None, description="the e-mail to sign in with")


class GoogleAnswer(Body):
    """GET /auth/google/callback, as the identity provider sends the browser back."""

    code: str | None = None
    state: str | None = None
    error: str | None = None
