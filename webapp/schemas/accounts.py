"""Bodies about people."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from webapp.domain.models.account import SignaturePosition, SignatureSize
from webapp.schemas.fields import Body, PlainText, not_boolean

DataUrl = Annotated[str, Field(pattern=r"^data:image/png;base64,[A-Za-z0-9+/=\s]+$")]
Opacity = Annotated[float, BeforeValidator(not_boolean), Field(ge=0.3, le=1, allow_inf_nan=False)]


class UpgradeToArtist(Body):
    """The text fields of the upgrade; the signature comes as a file or a data URL."""

    artist_name: PlainText = Field(min_length=2, max_length=100)
    verified_email: str | None = Field(
        None, max_length=255, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$"
    )
    signature_image: DataUrl | None = None


class ArtistProfile(Body):
    """What an artist may change; the signature comes as a file or a data URL."""

    artist_name: PlainText | None = Field(None, min_length=2, max_length=100)
    signature_image: DataUrl | None = None
    signature_position: SignaturePosition | None = None
    signature_size: SignatureSize | None = None
    signature_opacity: Opacity | None = None


class Profile(Body):
    """What a person may change of the own account; a picture comes as a file."""

    username: str | None = Field(None, min_length=3, max_length=50, pattern=r"^[A-Za-z0-9_.\-]+$")
    bio: PlainText | None = Field(None, max_length=150)
    language: Literal["en", "ko"] | None = None


class Farewell(Body):
    """DELETE /users/me: one's own name, so that nobody leaves by accident."""

    confirm: str = Field(max_length=50)
