"""Read certificates: the public part of one, and those that a user holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import market, sets_presets
from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation, GenerationStatus, Order
from webapp.domain.models.license import Certificate, CertificateStatus, IssuedLicense
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import Style
from webapp.domain.queries.answers import ArtistName, StyleName
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest, SortColumn
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import generations

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

    `licensee` is a username, `licensee_name` the display name of the same person, and
    `licensee_legal_name` the name that was given with the order, if one was.
    `status` is EXPIRED or a CertificateStatus. `photo` is None but for a picture of Sets.
    `watermark_id` is the number of the watermark, in 16 hexadecimal digits; None for a picture that
    was delivered before there were watermarks.
    """

    public_id: str
    status: str
    license_type: IssuedLicense
    terms_version: str
    valid_from: date
    valid_to: date | None
    issued_at: datetime
    revoked_at: datetime | None
    artist: ArtistName
    style: StyleName
    licensee: str | None
    licensee_name: str | None
    licensee_legal_name: str | None
    image: LicensedPicture
    photo: RestyledPhoto | None
    generation_id: int | None
    preview_url: str | None
    adapter_sha256: str
    base_model: str
    signature_applied: bool
    watermark_id: str | None


@dataclass(frozen=True, slots=True)
class HeldLicense:
    """One licence of a user; `status` is EXPIRED or a CertificateStatus."""

    public_id: str
    status: str
    license_type: IssuedLicense
    issued_at: datetime
    valid_to: date | None
    artist: ArtistName
    style: StyleName
    generation_id: int
    thumbnail_url: str | None


def certificate(session: Session, storage: Storage, *, public_id: str) -> PublicCertificate:
    """Return one certificate. Raises NotFound."""
    row = session.execute(
        select(
            *Certificate.__table__.columns,
            Artist.artist_name,
            Style.name.label("style_name"),
            User.username,
            User.display_name,
            Order.legal_name,
            Generation.is_public,
            Generation.is_flagged,
            Generation.preview_key,
            Generation.watermark_number,
            SetsRestyle.photo_sha256,
            SetsRestyle.concept,
        )
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .join(Style, Style.id == Certificate.style_id)
        .join(User, User.id == Certificate.licensee_id)
        .join(Generation, Generation.id == Certificate.generation_id)
        .join(Order, Order.id == Generation.order_id)
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
        revoked_at=row.revoked_at,
        artist=ArtistName(row.artist_id, row.artist_name),
        style=StyleName(row.style_id, row.style_name),
        licensee=row.username if is_visible else None,
        licensee_name=row.display_name if is_visible else None,
        licensee_legal_name=row.legal_name if is_visible else None,
        image=LicensedPicture(row.image_sha256, row.width, row.height, row.perceptual_hash),
        photo=_photo(row),
        generation_id=row.generation_id if is_visible else None,
        preview_url=signed_url(storage, row.preview_key) if is_visible else None,
        adapter_sha256=row.adapter_sha256,
        base_model=row.base_model,
        signature_applied=True,  # no picture is delivered without one
        watermark_id=None if row.watermark_number is None else f"{row.watermark_number:016x}",
    )


def preview_key(session: Session, *, public_id: str) -> str | None:
    """Return the key of the preview of a picture that everybody may see; None for any other."""
    return session.scalar(
        select(Generation.preview_key)
        .join(Certificate, Certificate.generation_id == Generation.id)
        .where(Certificate.public_id == public_id, *generations.SHOWN)
    )


def held(
    session: Session, storage: Storage, *, licensee_id: int, page: PageRequest
) -> Page[HeldLicense]:
    """List the licences of a user in the order of their pictures, newest first."""
    order: list[SortColumn] = [
        (Generation.created_at, "created_at", datetime),
        (Generation.id, "id", int),
    ]
    keyset = Keyset(order, {"list": "licenses", "licensee_id": licensee_id})
    pictures = select(Generation.id, Generation.created_at).where(
        Generation.user_id == licensee_id,
        Generation.status == GenerationStatus.COMPLETED,
        ~Generation.is_try_out,
    )
    rows = (
        select(
            Generation.id,
            Generation.created_at,
            Generation.thumbnail_key,
            Certificate.public_id,
            Certificate.status,
            Certificate.license_type,
            Certificate.issued_at,
            Certificate.valid_to,
            Certificate.artist_id,
            Certificate.style_id,
            Artist.artist_name,
            Style.name.label("style_name"),
        )
        .join(Certificate, Certificate.generation_id == Generation.id)
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .join(Style, Style.id == Certificate.style_id)
    )
    found = session.execute(keyset.look_up(rows, keyset.apply(pictures, page))).all()
    return keyset.page(found, page, lambda row: _held(storage, row))


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


def _held(storage: Storage, row: AnyRow) -> HeldLicense:
    return HeldLicense(
        public_id=row.public_id,
        status=status_of(row.status, row.valid_to),
        license_type=row.license_type,
        issued_at=row.issued_at,
        valid_to=row.valid_to,
        artist=ArtistName(row.artist_id, row.artist_name),
        style=StyleName(row.style_id, row.style_name),
        generation_id=row.id,
        thumbnail_url=signed_url(storage, row.thumbnail_key),
    )


def _photo(row: AnyRow) -> RestyledPhoto | None:
    if row.photo_sha256 is None:
        return None
    # A concept in a buyer's own words is private.
    concept = row.concept if sets_presets.is_concept(row.concept) else None
    return RestyledPhoto(row.photo_sha256, concept)
