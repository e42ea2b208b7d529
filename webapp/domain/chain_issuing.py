"""Make a certificate chain for Content Credentials: a root of one's own, and leaves that sign.

`python -m webapp.domain.chain_issuing FOLDER --organisation NAME` makes the root at its first call
and a new leaf at each one; docs/operations.md describes the rotation.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webapp.domain.signing_chain import DEVELOPMENT
from webapp.domain.whole_files import PRIVATE, PUBLIC, write_whole

CHAIN, KEY, ROOTS = "chain.pem", "key.pem", "roots.pem"
ROOT, ROOT_KEY = "root.pem", "root.key.pem"
ROOT_DAYS, LEAF_DAYS, SIGNING_DAYS = 7300, 3650, 365
_CLOCK_DIFFERENCE = timedelta(minutes=5)  # readers whose clock is behind accept new leaves


def issue_chain(
    folder: Path,
    *,
    organisation: str = DEVELOPMENT,
    signing_days: float = SIGNING_DAYS,
    leaf_days: float = LEAF_DAYS,
) -> None:
    """Write a new leaf (`chain.pem`), its key (`key.pem`) and the trusted roots (`roots.pem`).

    The root and its key (`root.pem`, `root.key.pem`) are made if they are not there. Only the owner
    can read the keys. `roots.pem` keeps the roots that it already has.

    Raises ValueError if the root belongs to another organisation.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ROOT_KEY).exists():
        _issue_root(folder, organisation)
    root_pem = (folder / ROOT).read_bytes()
    root = x509.load_pem_x509_certificate(root_pem)
    if root.subject != _name(organisation, "Root"):
        raise ValueError(f"{folder / ROOT} belongs to another organisation")
    root_key = load_pem_private_key((folder / ROOT_KEY).read_bytes(), password=None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we made it
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(root, root_key, key, organisation, signing_days, leaf_days)
    roots = folder / ROOTS
    known = roots.read_bytes() if roots.exists() else b""
    write_whole(folder / KEY, _private(key), mode=PRIVATE)
    write_whole(folder / CHAIN, leaf.public_bytes(Encoding.PEM), mode=PUBLIC)
    write_whole(roots, known if root_pem in known else known + root_pem, mode=PUBLIC)


def main() -> None:
    """Make a chain from the command line."""
    parser = argparse.ArgumentParser(description=issue_chain.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--organisation", default=DEVELOPMENT, help="as readers show it")
    parser.add_argument("--days", type=int, default=SIGNING_DAYS, help="how long the key may sign")
    arguments = parser.parse_args()
    try:
        issue_chain(
            arguments.folder, organisation=arguments.organisation, signing_days=arguments.days
        )
    except (ValueError, OSError) as error:
        sys.exit(str(error))


def _issue_root(folder: Path, organisation: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(organisation, "Root")
    root = (
        _builder(name, key.public_key(), datetime.now(UTC) + timedelta(days=ROOT_DAYS))
        .issuer_name(name)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_whole(folder / ROOT_KEY, _private(key), mode=PRIVATE)
    write_whole(folder / ROOT, root.public_bytes(Encoding.PEM), mode=PUBLIC)


def _leaf(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    organisation: str,
    signing_days: float,
    leaf_days: float,
) -> x509.Certificate:
    now = datetime.now(UTC)
    period = x509.PrivateKeyUsagePeriod(
        not_before=now - _CLOCK_DIFFERENCE, not_after=now + timedelta(days=signing_days)
    )
    email = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # accepted everywhere
    valid_until = min(now + timedelta(days=leaf_days), root.not_valid_after_utc)
    return (
        _builder(_name(organisation, "Pictures"), key.public_key(), valid_until)
        .issuer_name(root.subject)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(email, critical=True)
        .add_extension(period, critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, valid_until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _CLOCK_DIFFERENCE)
        .not_valid_after(valid_until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


if __name__ == "__main__":
    main()
