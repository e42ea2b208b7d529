"""Answers of a verification: the certificates that layers found, as anybody may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.account import Artist
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style
from webapp.domain.queries.licenses import EXPIRED, status_of


class Method(StrEnum):
    """What connects an uploaded picture with a certificate, the strongest first."""

    HASH = "hash"
    CREDENTIALS = "credentials"
    WATERMARK = "watermark"
    PERCEPTUAL = "perceptual"


class Layer(StrEnum):
    """What was examined. METADATA only proposes certificates; WATERMARK_SEARCH is the deep one."""

    HASH = "hash"
    CREDENTIALS = "credentials"
    METADATA = "metadata"
    WATERMARK = "watermark"
    PERCEPTUAL = "perceptual"
    WATERMARK_SEARCH = "watermark_search"


class Note(StrEnum):
    """What was noticed and proves nothing. No note names a certificate."""

    CREDENTIALS_INVALID = "credentials_invalid"
    CREDENTIALS_UNTRUSTED = "credentials_untrusted"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_OF_OTHER_PICTURE = "certificate_of_other_picture"
    MARK_UNKNOWN = "mark_unknown"
    MARK_OF_OTHER_PICTURE = "mark_of_other_picture"


@dataclass(frozen=True, slots=True)
class Finding:
    """A certificate that a layer found; `confidence` is 0 to 1."""

    public_id: str
    method: Method
    confidence: float


@dataclass(frozen=True, slots=True)
class Match:
    """A finding with its certificate. The same fields for private and for public pictures.

    `status` is EXPIRED or a CertificateStatus.
    """

    public_id: str
    method: Method
    confidence: float
    status: str
    valid_to: date | None
    revoked_at: datetime | None
    artist_name: str
    style_name: str
    issued_at: datetime


def matches(session: Session, findings: Sequence[Finding]) -> list[Match]:
    """Return the findings with their certificates: revoked ones, expired ones, then the surest.

    One statement, whatever was found: the time does not depend on whether pictures are private.
    """
    by_id = {finding.public_id: finding for finding in findings}
    rows = session.execute(
        select(
            Certificate.public_id,
            Certificate.status,
            Certificate.valid_to,
            Certificate.revoked_at,
            Certificate.issued_at,
            Artist.artist_name,
            Style.name.label("style_name"),
        )
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .join(Style, Style.id == Certificate.style_id)
        .where(Certificate.public_id.in_(by_id))
    )
    found = [
        Match(
            public_id=row.public_id,
            method=by_id[row.public_id].method,
            confidence=by_id[row.public_id].confidence,
            status=status_of(row.status, row.valid_to),
            valid_to=row.valid_to,
            revoked_at=row.revoked_at,
            artist_name=row.artist_name,
            style_name=row.style_name,
            issued_at=row.issued_at,
        )
        for row in rows
    ]
    return sorted(found, key=_order)


def _order(match: Match) -> tuple[int, float, str]:
    rank = {"revoked": 0, EXPIRED: 1}.get(match.status, 2)
    return rank, -match.confidence, match.public_id
