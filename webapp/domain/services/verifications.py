"""Verify an uploaded picture: which certificates it belongs to, by layers of growing cost."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import select

from webapp.domain.db import UnitOfWork
from webapp.domain.images import MEGABYTE, BadImage, ImageLimits, inspect
from webapp.domain.models.license import Certificate
from webapp.domain.queries import verifications as queries
from webapp.domain.queries.verifications import Finding, Layer, Match, Method, Note
from webapp.domain.services.pictures import refusal

# A picture smaller than this cannot be compared, and no preview of ours is.
VERIFIED_IMAGE = ImageLimits(("JPEG", "PNG", "WEBP"), min_side=64, max_bytes=20 * MEGABYTE)


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of a verification: matches in order, layers that were examined, notes."""

    matches: list[Match]
    checked: tuple[Layer, ...]
    notes: tuple[Note, ...]


def verify(unit_of_work: UnitOfWork, upload: bytes) -> Verification:
    """Return the certificates of a picture.

    Raises the image error of a file that is no JPEG, PNG or WebP within the limits.
    """
    try:
        inspect(upload, VERIFIED_IMAGE)
    except BadImage as error:
        raise refusal(error, "image", VERIFIED_IMAGE) from error
    digest = hashlib.sha256(upload).hexdigest()
    with unit_of_work() as session:
        ids = session.scalars(
            select(Certificate.public_id).where(Certificate.image_sha256 == digest)
        )
        findings = [Finding(public_id, Method.HASH, 1.0) for public_id in ids]
        return Verification(queries.matches(session, findings), (Layer.HASH,), ())
