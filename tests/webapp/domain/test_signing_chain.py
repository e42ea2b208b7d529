import shutil
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webapp.domain.chain_issuing import CHAIN, KEY, ROOT_KEY, ROOTS, issue_chain, main
from webapp.domain.signing_chain import ChainUnusable, read_chain, read_key, read_roots

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    issue_chain(folder, organisation="Acme Prints")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of a chain, to be changed by a test."""
    return shutil.copytree(made, tmp_path / "chain")


def chain_of(folder):
    return read_chain(folder / CHAIN, folder / ROOTS)


def self_signed(key, *, usage=ExtendedKeyUsageOID.EMAIL_PROTECTION, until=NOW + timedelta(days=9)):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Other")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(until)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder.sign(key, hashes.SHA256())


def write_leaf(folder, certificate):
    pem = certificate.public_bytes(Encoding.PEM)
    (folder / CHAIN).write_bytes(pem)
    (folder / ROOTS).write_bytes(pem)


def test_a_new_chain_signs_for_a_year_and_is_valid_for_ten(made):
    chain = chain_of(made)
    chain.require_period(datetime.now(UTC))
    assert timedelta(days=364) < chain.signs_until - NOW < timedelta(days=366)
    assert chain.certificates[0].not_valid_after_utc - NOW > timedelta(days=3640)
    with pytest.raises(ChainUnusable, match="the certificate signs from"):
        chain.require_period(chain.signs_until)
    assert read_key(made / KEY, chain).startswith(b"-----BEGIN PRIVATE KEY-----")


def test_only_the_owner_can_read_the_keys(made):
    assert {(made / name).stat().st_mode & 0o777 for name in (KEY, ROOT_KEY)} == {0o600}


def test_a_second_leaf_has_the_root_of_the_first(folder):
    first = chain_of(folder)
    roots = read_roots(folder / ROOTS)
    issue_chain(folder, organisation="Acme Prints")
    assert chain_of(folder).pem != first.pem
    assert read_roots(folder / ROOTS) == roots


def test_a_new_root_keeps_the_old_one_trusted(folder):
    old = (folder / ROOTS).read_bytes()
    (folder / ROOT_KEY).unlink()
    issue_chain(folder, organisation="Acme Prints")
    assert read_roots(folder / ROOTS).startswith(old)
    assert len(x509.load_pem_x509_certificates(read_roots(folder / ROOTS))) == 2
    chain_of(folder)


def test_a_chain_for_development_is_recognised(made, tmp_path):
    issue_chain(tmp_path)
    assert chain_of(tmp_path).is_development
    assert not chain_of(made).is_development


def test_the_root_of_another_organisation_signs_no_leaf(folder):
    with pytest.raises(ValueError, match="another organisation"):
        issue_chain(folder, organisation="Somebody Else")


def test_a_leaf_without_a_shorter_period_signs_until_it_expires(folder):
    until = datetime(2035, 1, 1, tzinfo=UTC)
    write_leaf(folder, self_signed(ec.generate_private_key(ec.SECP256R1()), until=until))
    assert chain_of(folder).signs_until == until


@pytest.mark.parametrize("usage", [None, ExtendedKeyUsageOID.SERVER_AUTH])
def test_a_leaf_that_readers_refuse_is_unusable(folder, usage):
    write_leaf(folder, self_signed(ec.generate_private_key(ec.SECP256R1()), usage=usage))
    with pytest.raises(ChainUnusable, match="emailProtection"):
        chain_of(folder)


def test_a_key_of_another_kind_is_unusable(folder):
    write_leaf(folder, self_signed(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(ChainUnusable, match="P-256"):
        chain_of(folder)


def test_a_chain_that_leads_to_no_root_is_unusable(folder, tmp_path):
    issue_chain(tmp_path / "other", organisation="Acme Prints")  # the same names, another key
    with pytest.raises(ChainUnusable, match="leads to no certificate"):
        read_chain(folder / CHAIN, tmp_path / "other" / ROOTS)


def test_the_key_of_another_leaf_is_unusable(folder):
    chain = chain_of(folder)
    issue_chain(folder, organisation="Acme Prints")
    with pytest.raises(ChainUnusable, match="not the key of the first certificate"):
        read_key(folder / KEY, chain)


@pytest.mark.parametrize("name", [CHAIN, KEY, ROOTS])
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_missing_or_damaged_file_is_named(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ChainUnusable, match=name):
        read_key(folder / KEY, chain_of(folder))


def test_the_command_makes_a_chain(tmp_path, monkeypatch):
    arguments = [str(tmp_path / "new"), "--organisation", "Acme Prints", "--days", "30"]
    monkeypatch.setattr("sys.argv", ["chain_issuing", *arguments])
    main()
    assert chain_of(tmp_path / "new").signs_until - NOW < timedelta(days=31)


def test_the_command_names_what_is_wrong(folder, monkeypatch):
    monkeypatch.setattr("sys.argv", ["chain_issuing", str(folder), "--organisation", "Other"])
    with pytest.raises(SystemExit, match="another organisation"):
        main()
