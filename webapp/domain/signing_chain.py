"""The certificate chain that signs Content Credentials: its files, and until when it may sign.

The leaf is valid for years, so that the credentials of old pictures stay valid, but its key may be
used for a shorter time (RFC 3280, 4.2.1.4, private key usage period). Credentials carry no trusted
time stamp, so a reader refuses them once the leaf itself has expired.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEVELOPMENT = "Style License development, not for production"


class ChainUnusable(ValueError):
    """The chain, its key or its roots cannot be used; the message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class SigningChain:
    """A leaf and its issuers, as PEM, and until when the key of the leaf may sign."""

    pem: bytes
    certificates: tuple[x509.Certificate, ...]
    signs_from: datetime
    signs_until: datetime

    @property
    def is_development(self) -> bool:
        """Whether the chain was made for development; nobody keeps its root safe."""
        return any(
            attribute.value == DEVELOPMENT
            for certificate in self.certificates
            for attribute in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        )

    def require_period(self, now: datetime) -> None:
        """Raise ChainUnusable unless the key may sign at this time."""
        if not self.signs_from <= now < self.signs_until:
            raise ChainUnusable(
                f"the certificate signs from {self.signs_from:%Y-%m-%d %H:%M}"
                f" until {self.signs_until:%Y-%m-%d %H:%M} UTC"
            )


def read_chain(file: Path, roots_file: Path) -> SigningChain:
    """Read the chain and check that it leads to one of the roots.

    Raises ChainUnusable, also for a leaf that readers of Content Credentials do not accept.
    """
    pem = _read(file)
    certificates = _certificates(pem, file)
    leaf = certificates[0]
    _check_leaf(leaf, file)
    roots = _certificates(_read(roots_file), roots_file)
    if not _leads_to(certificates, roots):
        raise ChainUnusable(f"{file} leads to no certificate of {roots_file}")
    signs_from, signs_until = _period(leaf)
    return SigningChain(pem, certificates, signs_from, signs_until)


def read_roots(file: Path) -> bytes:
    """Read the trusted roots, as PEM. Raises ChainUnusable."""
    pem = _read(file)
    _certificates(pem, file)
    return pem


def read_key(file: Path, chain: SigningChain) -> bytes:
    """Read the private key of the chain's leaf, as PEM. Raises ChainUnusable."""
    pem = _read(file)
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ChainUnusable(f"{file} is no unencrypted private key in PEM") from error
    if key.public_key() != chain.certificates[0].public_key():
        raise ChainUnusable(f"{file} is not the key of the first certificate of the chain")
    return pem


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ChainUnusable(f"{file} cannot be read: {error.strerror}") from error


def _certificates(pem: bytes, file: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise ChainUnusable(f"{file} holds no certificates in PEM") from error


def _check_leaf(leaf: x509.Certificate, file: Path) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ChainUnusable(f"{file}: the key of the first certificate is not of the curve P-256")
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    if ExtendedKeyUsageOID.EMAIL_PROTECTION not in usages:
        raise ChainUnusable(
            f"{file}: the first certificate lacks the extended key usage emailProtection,"
            " without which readers refuse it"
        )


def _leads_to(
    certificates: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]
) -> bool:
    """Follow the issuers in the order of the file, the last one to a root."""
    for issued, issuer in pairwise(certificates):
        if not _is_issued_by(issued, issuer):
            return False
    last = certificates[-1]
    return any(last == root or _is_issued_by(last, root) for root in roots)


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _period(leaf: x509.Certificate) -> tuple[datetime, datetime]:
    """When the key may sign: as long as the leaf is valid, or shorter if it says so."""
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    try:
        usage = leaf.extensions.get_extension_for_class(x509.PrivateKeyUsagePeriod).value
    except x509.ExtensionNotFound:
        return begins, ends
    if usage.not_before is not None:
        begins = max(begins, usage.not_before.replace(tzinfo=UTC))
    if usage.not_after is not None:
        ends = min(ends, usage.not_after.replace(tzinfo=UTC))
    return begins, ends
