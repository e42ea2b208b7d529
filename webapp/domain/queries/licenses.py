"""Read the public part of certificates: licensee, picture, terms and dates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import market, sets_presets
from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate, CertificateStatus, IssuedLicense
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import Style
from webapp.domain.queries.answers import ArtistName, StyleName
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import signed_url

EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class LicensedPicture:
    """The delivered file of a certificate, and its perceptual hash; sizes in pixels."""

    sha256: str
    width: int
    height: int
    perceptual_hash: str


@dataclass(frozen=True, slots=True)
class RestyledPhoto:
    """The photo of Sets that a picture was painted for; `concept` only if it is of a preset."""

    sha256: str
    concept: str | None


@dataclass(frozen=True, slots=True)
class PublicCertificate:
    """A certificate; licensee, number and preview of the picture only while it is public.

    `status` is EXPIRED or a CertificateStatus. `photo` is None but for a picture of Sets.
    """

    public_id: str
    status: str
    license_type: IssuedLicense
    terms_version: str
    valid_from: date
    valid_to: date | None
    issued_at: datetime
    artist: ArtistName
    style: StyleName
    licensee: str | None
    image: LicensedPicture
    photo: RestyledPhoto | None
    generation_id: int | None
    preview_url: str | None
    adapter_sha256: str
    base_model: str
    signature_applied: bool


def certificate(session: Session, storage: Storage, *, public_id: str) -> PublicCertificate:
    """Return one certificate. Raises NotFound."""
    row = session.execute(
        select(
            *Certificate.__table__.columns,
            Artist.artist_name,
            Style.name.label("style_name"),
            User.username,
            Generation.is_public,
            Generation.is_flagged,
            Generation.preview_key,
            SetsRestyle.photo_sha256,
            SetsRestyle.concept,
        )
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .join(Style, Style.id == Certificate.style_id)
        .join(User, User.id == Certificate.licensee_id)
        .join(Generation, Generation.id == Certificate.generation_id)
        .outerjoin(SetsRestyle, SetsRestyle.generation_id == Generation.id)
        .where(Certificate.public_id == public_id)
    ).one_or_none()
    if row is None:
        raise NotFound(resource="license")
    is_visible = row.is_public and not row.is_flagged
    return PublicCertificate(
        public_id=row.public_id,
        status=status_of(row.status, row.valid_to),
        license_type=row.license_type,
        terms_version=row.terms_version,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        issued_at=row.issued_at,
        artist=ArtistName(row.artist_id, row.artist_name),
        style=StyleName(row.style_id, row.style_name),
        licensee=row.username if is_visible else None,
        image=LicensedPicture(row.image_sha256, row.width, row.height, row.perceptual_hash),
        photo=_photo(row),
        generation_id=row.generation_id if is_visible else None,
        preview_url=signed_url(storage, row.preview_key) if is_visible else None,
        adapter_sha256=row.adapter_sha256,
        base_model=row.base_model,
        signature_applied=True,  # no picture is delivered without one
    )


def status_of(status: CertificateStatus, valid_to: date | None) -> str:
    """Return the status of a certificate today: EXPIRED or a CertificateStatus."""
    is_past = valid_to is not None and valid_to < market.today()
    return EXPIRED if is_past and status == CertificateStatus.VALID else status


def states(session: Session, generation_ids: Sequence[int]) -> dict[int, CertificateStatus]:
    """Return whether the licences of these pictures are valid or revoked, by picture."""
    statuses = select(Certificate.generation_id, Certificate.status).where(
        Certificate.generation_id.in_(generation_ids)
    )
    return {row.generation_id: row.status for row in session.execute(statuses)}


def _photo(row: AnyRow) -> RestyledPhoto | None:
    if row.photo_sha256 is None:
        return None
    # A concept in a buyer's own words is private.
    concept = row.concept if sets_presets.is_concept(row.concept) else None
    return RestyledPhoto(row.photo_sha256, concept)
