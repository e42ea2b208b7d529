import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from tests import images
from webapp.domain.models.license import IssuedLicense
from webapp.domain.queries.answers import ArtistName, StyleName
from webapp.domain.queries.licenses import LicensedPicture, PublicCertificate
from webapp.pages import certificate_pdf
from webapp.pages.certificate_pdf import Content, Sheet

CERTIFICATE = PublicCertificate(
    public_id="L_one",
    status="valid",
    license_type=IssuedLicense.PERSONAL,
    terms_version="2026-11",
    valid_from=date(2026, 11, 1),
    valid_to=None,
    issued_at=datetime(2026, 11, 1, 9, tzinfo=UTC),
    revoked_at=None,
    artist=ArtistName(1, "Mina Park"),
    style=StyleName(2, "Wet Paper"),
    licensee="mina",
    licensee_name="서하늘",
    licensee_legal_name="하늘 주식회사",
    image=LicensedPicture("a" * 64, 512, 1024, "c3d2e1f0a5b4c7d6"),
    photo=None,
    generation_id=3,
    preview_url="/preview",
    watermark_id="0123456789abcdef",
    adapter_sha256="b" * 64,
    base_model="built-in",
    signature_applied=True,
)
CONTENT = Content(
    certificate=CERTIFICATE,
    address="http://localhost:8000/l/L_one",
    terms_address="http://localhost:8000/licenses/terms/personal/2026-11",
    preview=images.webp(),
    read_at=datetime(2026, 11, 2, 9, tzinfo=UTC),
)


def document(pdf):
    return PdfFileReader(io.BytesIO(pdf))


@pytest.fixture
def draw(app):
    def drawn(content=CONTENT, language="en", **changes):
        certificate = replace(content.certificate, **changes)
        with app.test_request_context(headers={"Accept-Language": language}):
            return certificate_pdf.draw(replace(content, certificate=certificate))

    return drawn


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_is_one_page_with_the_number_in_its_title(draw, language):
    read = document(draw(language=language))
    assert read.root["/Pages"]["/Count"] == 1
    assert "L_one" in read.trailer["/Info"]["/Title"]


def test_it_names_both_names_hashes_and_times(app):
    with app.test_request_context():
        facts = dict(certificate_pdf.facts(CONTENT))
    assert facts["Licensed to"] == "서하늘 @mina"
    assert facts["Name in the licence"] == "하늘 주식회사"
    assert facts["SHA-256 of the file"] == "a" * 64
    assert facts["SHA-256 of the style"] == "b" * 64
    assert facts["Licence"] == "Personal licence, version 2026-11"
    assert facts["Number of the watermark"] == "0123456789abcdef"
    assert facts["Status checked"] == "2026-11-02 09:00 UTC"


def test_the_picture_is_in_it_only_while_it_is_public(draw):
    assert b"/Subtype /Image" in draw()
    assert b"/Subtype /Image" not in draw(replace(CONTENT, preview=None), licensee=None)


def test_letters_that_the_font_lacks_are_noticed():
    sheet = Sheet()
    sheet.write_lines("Mina Park · 서하늘 – “Wet Paper”")
    assert not sheet.lacks_characters
    sheet.write_lines("雪")
    assert sheet.lacks_characters
    sheet.finish()


def test_a_note_says_where_the_name_is_written_whole(draw):
    assert len(draw(artist=ArtistName(1, "雪"))) > len(draw(artist=ArtistName(1, "□")))
