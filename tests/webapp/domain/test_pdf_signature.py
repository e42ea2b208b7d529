import io
from datetime import UTC, datetime, timedelta

import pytest
from fpdf import FPDF
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import KeyUsageConstraints, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from tests.fixtures import ENVIRONMENT
from webapp.domain import pdf_signature
from webapp.domain.chain_issuing import CHAIN, KEY, ROOTS, issue_chain
from webapp.domain.settings import Settings
from webapp.domain.signing_chain import ChainUnusable

# Content Credentials and PDF share a leaf, which has the usage that both accept.
USAGE = KeyUsageConstraints(key_usage={"digital_signature"})


@pytest.fixture(scope="module")
def settings():
    """The settings of a process that signs with a chain for development."""
    values = ENVIRONMENT | {
        "DATABASE_URL": "postgresql+psycopg2://site@localhost/site",
        "STORAGE_URL": "folder:///var/objects",
    }
    fields = {name.lower(): value for name, value in values.items()}
    return Settings(**{name: fields[name] for name in fields.keys() & Settings.model_fields})


@pytest.fixture(scope="module")
def roots(settings):
    return settings.content_credentials_roots.read_bytes()


@pytest.fixture(scope="module")
def signed(pdf, settings):
    return pdf_signature.sign(pdf, pdf_signature.signer_of(settings))


@pytest.fixture(scope="module")
def pdf():
    sheet = FPDF()
    sheet.add_page()
    return bytes(sheet.output())


def judged(signed, roots):
    signature = PdfFileReader(io.BytesIO(signed)).embedded_signatures[0]
    trusted = ValidationContext(trust_roots=list(load_certs_from_pemder_data(roots)))
    return validate_pdf_signature(signature, trusted, key_usage_settings=USAGE)


def test_a_signed_file_is_trusted_by_our_root_and_signed_as_a_whole(pdf, signed, roots):
    status = judged(signed, roots)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert signed.startswith(pdf)


def test_a_changed_byte_is_noticed(pdf, signed, roots):
    at = pdf.index(b"595.28")
    changed = signed[:at] + b"595.29" + signed[at + 6 :]
    status = judged(changed, roots)
    assert not status.intact
    assert not status.bottom_line


def test_another_root_does_not_trust_it(signed, tmp_path):
    issue_chain(tmp_path)
    assert not judged(signed, (tmp_path / ROOTS).read_bytes()).trusted


def test_a_process_without_a_key_signs_nothing(settings):
    bare = settings.model_copy(update={"content_credentials_key": None})
    with pytest.raises(ChainUnusable):
        pdf_signature.signer_of(bare)


def test_a_key_whose_time_is_over_signs_nothing(settings, tmp_path):
    issue_chain(tmp_path, signing_days=timedelta(seconds=-1) / timedelta(days=1))
    late = settings.model_copy(
        update={
            "content_credentials_chain": tmp_path / CHAIN,
            "content_credentials_roots": tmp_path / ROOTS,
            "content_credentials_key": tmp_path / KEY,
        }
    )
    with pytest.raises(ChainUnusable, match=f"{datetime.now(UTC):%Y-%m-%d}"):
        pdf_signature.signer_of(late)
