"""Answers about certificates."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.license import IssuedLicense
from webapp.schemas.fields import Answer, Day, Hash, Id, Name, Time, Url
from webapp.schemas.generations import ArtistOfImage


class LicensedStyle(Answer):
    """The style an image was made in."""

    id: Id
    name: Name


class LicensedImage(Answer):
    """What tells the delivered image apart from every other."""

    sha256: Hash
    width: int = Field(ge=1, examples=[1024])
    height: int = Field(ge=1, examples=[1024])
    perceptual_hash: str = Field(max_length=16, examples=["c3d2e1f0a5b4c7d6"])


class RestyledPhoto(Answer):
    """The photo that a part was painted of: the hash of its file, and the preset's part."""

    sha256: Hash
    concept: str | None = Field(examples=["Wall"])


class CertificateView(Answer):
    """GET /licenses/:public_id: it names the buyer and the image only while the image is public."""

    public_id: str = Field(examples=["lic_01JH3Z6V9C"])
    status: Literal["valid", "expired", "revoked"]
    license_type: IssuedLicense
    terms_version: str = Field(examples=["2026-11"])
    valid_from: Day
    valid_to: Day | None
    issued_at: Time
    revoked_at: Time | None
    artist: ArtistOfImage
    style: LicensedStyle
    licensee: str | None = Field(examples=["mina"], description="the username")
    licensee_name: str | None = Field(examples=["Mina Park"], description="the display name")
    licensee_legal_name: str | None = Field(
        examples=["Harbour Tea Ltd."], description="the name given with the order"
    )
    image: LicensedImage
    photo: RestyledPhoto | None = Field(description="of an image that was painted for a photo")
    generation_id: Id | None
    preview_url: Url | None
    adapter_sha256: Hash
    base_model: str = Field(examples=["sd15"])
    signature_applied: Literal[True]
    watermark_id: str | None = Field(
        pattern="^[0-9a-f]{16}$",
        examples=["8f3c2a1b9d4e5f60"],
        description="the number in its watermark; null if it was delivered without one",
    )


class RevocationView(Answer):
    """GET /licenses/revoked: one certificate that is revoked."""

    public_id: str = Field(examples=["lic_01JH3Z6V9C"])
    revoked_at: Time
