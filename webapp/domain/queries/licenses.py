"""What everybody may read of a certificate: who licensed which image, on which terms, and when."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import market, sets_presets
from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate, CertificateStatus
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import Style
from webapp.domain.queries.viewing import signed_url

EXPIRED = "expired"


def certificate(session: Session, storage: Storage, *, public_id: str) -> dict[str, Any]:
    """Return one certificate; the image, its number and its owner only while it is public.

    That of an image painted for a photo of Sets names the photo by the hash of its file, and the
    part that was painted.

    Raises NotFound.
    """
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
    is_shown = row.is_public and not row.is_flagged
    has_run_out = row.valid_to is not None and row.valid_to < market.today()
    is_valid = row.status == CertificateStatus.VALID
    return {
        "public_id": row.public_id,
        "status": EXPIRED if is_valid and has_run_out else row.status,
        "license_type": row.license_type,
        "terms_version": row.terms_version,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "issued_at": row.issued_at,
        "artist": {"id": row.artist_id, "artist_name": row.artist_name},
        "style": {"id": row.style_id, "name": row.style_name},
        "licensee": row.username if is_shown else None,
        "image": {
            "sha256": row.image_sha256,
            "width": row.width,
            "height": row.height,
            "perceptual_hash": row.perceptual_hash,
        },
        "photo": row.photo_sha256
        and {
            "sha256": row.photo_sha256,
            # Words of a person's own are nobody else's business.
            "concept": row.concept if sets_presets.is_concept(row.concept) else None,
        },
        "generation_id": row.generation_id if is_shown else None,
        "preview_url": signed_url(storage, row.preview_key) if is_shown else None,
        "adapter_sha256": row.adapter_sha256,
        "base_model": row.base_model,
        "signature_applied": True,  # no image is delivered without one
    }


def states(session: Session, generation_ids: Sequence[int]) -> dict[int, str]:
    """Return whether the licences of these images are valid or revoked, by image."""
    found = select(Certificate.generation_id, Certificate.status).where(
        Certificate.generation_id.in_(generation_ids)
    )
    return {row.generation_id: row.status for row in session.execute(found)}
