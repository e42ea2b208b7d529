"""Certificates: the public proof of who licensed which image to whom."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import BITS_64, CreatedAt, Id, Sha256, Time, one_of
from webapp.domain.models.style import LicenseType

CHUNKS = 4
CHUNK_DIGITS = 4  # hexadecimal: 16 bits


def hash_digits(perceptual_hash: int) -> str:
    """Return a perceptual hash of 64 bits, signed or not, as `Certificate.perceptual_hash` is."""
    return f"{perceptual_hash % BITS_64:016x}"


def hash_chunk(column: str, chunk: int) -> str:
    """Return, in SQL, one of the four 16-bit chunks of a perceptual hash, as an integer."""
    first = 1 + CHUNK_DIGITS * chunk
    return f"(('x' || substr({column}, {first}, {CHUNK_DIGITS}))::bit(16))::integer"


class IssuedLicense(StrEnum):
    """The licences of certificates: those on offer, and one that is no longer sold.

    Other buyers could order the same image, so no new licence is exclusive.
    """

    PERSONAL = LicenseType.PERSONAL.value
    COMMERCIAL = LicenseType.COMMERCIAL.value
    EXCLUSIVE = "exclusive"


class CertificateStatus(StrEnum):
    """Whether a certificate was revoked; its expiry follows from its dates."""

    VALID = "valid"
    REVOKED = "revoked"


class Certificate(Base):
    """One certificate per delivered image, inserted in the transaction that delivers it."""

    __tablename__ = "certificates"
    __table_args__ = (
        UniqueConstraint("public_id"),
        UniqueConstraint("generation_id"),
        CheckConstraint(one_of("status", CertificateStatus), name="status"),
        Index("ix_certificates_revoked", "revoked_at", "id", postgresql_where="status = 'revoked'"),
        # Hashes that differ in at most 11 bits have a chunk that differs in at most two. The
        # included columns let `queries.registry.near` read nothing but these indexes.
        *(
            Index(
                f"ix_certificates_hash_chunk_{chunk}",
                text(f"({hash_chunk('perceptual_hash', chunk)})"),
                postgresql_include=["perceptual_hash", "id"],
            )
            for chunk in range(CHUNKS)
        ),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(40))
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    artist_id: Mapped[int] = mapped_column(ForeignKey("artists.user_id"))
    style_id: Mapped[int] = mapped_column(ForeignKey("styles.id"))
    licensee_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    license_type: Mapped[IssuedLicense] = mapped_column(String(12))
    terms_version: Mapped[str] = mapped_column(String(20))
    status: Mapped[CertificateStatus] = mapped_column(
        String(10), server_default=CertificateStatus.VALID.value
    )
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    image_sha256: Mapped[Sha256]
    width: Mapped[int]
    height: Mapped[int]
    perceptual_hash: Mapped[str] = mapped_column(
        String(16), comment="pHash of the delivered image, 64 bits in hexadecimal"
    )
    adapter_sha256: Mapped[Sha256]
    base_model: Mapped[str] = mapped_column(String(200))
    issued_at: Mapped[CreatedAt]
    revoked_at: Mapped[Time | None]
