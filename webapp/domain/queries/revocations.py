"""The list of revoked certificates, for programs that keep a copy of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.license import Certificate, CertificateStatus
from webapp.domain.queries.pagination import Keyset, Page, PageRequest


@dataclass(frozen=True, slots=True)
class Revocation:
    """One certificate that is revoked."""

    public_id: str
    revoked_at: datetime


def revoked(session: Session, page: PageRequest) -> Page[Revocation]:
    """Return a page of the revoked certificates, the newest revocations first."""
    keyset = Keyset(
        [(Certificate.revoked_at, "revoked_at", datetime), (Certificate.id, "id", int)],
        {"list": "revoked certificates"},
    )
    statement = select(Certificate.id, Certificate.public_id, Certificate.revoked_at).where(
        Certificate.status == CertificateStatus.REVOKED
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: Revocation(row.public_id, row.revoked_at))
