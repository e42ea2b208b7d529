"""Bodies about people."""

from typing import Literal

from pydantic import Field

from webapp.schemas.fields import Body, PlainText


class UpgradeToArtist(Body):
    """The text fields of the upgrade; the signature comes as a file or a data URL."""

    artist_name: PlainText = Field(min_length=2, max_length=100)
    verified_email: str | None = Field(
        None, max_length=255, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$"
    )
    signature_image: str | None = Field(None, pattern=r"^data:image/png;base64,[A-Za-z0-9+/=\s]+$")


class Profile(Body):
    """What a person may change of the own account."""

    username: str | None = Field(None, min_length=3, max_length=50, pattern=r"^[A-Za-z0-9_.\-]+$")
    bio: PlainText | None = Field(None, max_length=150)
    language: Literal["en", "ko"] | None = None
