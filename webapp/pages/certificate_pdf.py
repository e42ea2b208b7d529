"""A certificate as a PDF of one A4 page, in the language of the request.

Its font has Latin letters and Hangul. Other characters of a name are written as UNKNOWN, and the
page says so.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import segno
from flask_babel import gettext
from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.fonts import TTFFont
from PIL import Image

from webapp.domain.models.license import CertificateStatus
from webapp.domain.queries.licenses import PublicCertificate
from webapp.pages import clock, terms, words

FONTS = Path(__file__).parents[2] / "gpu/layouts/fonts"
SANS, REGULAR, BOLD = "sans", "", "B"
UNKNOWN = "□"
# Lengths in millimetres, sizes of letters in points, colours as RGB.
MARGIN, LEFT_WIDTH, GAP, PICTURE_HEIGHT, QR_SIDE = 16.0, 60.0, 9.0, 95.0, 30.0
LINE, SMALL_LINE, SPACE = 4.8, 3.8, 1.4
TITLE, HEADING, TEXT, SMALL = 22, 12, 10, 8
INK, FAINT, GOOD, BAD = (26, 26, 28), (92, 92, 97), (29, 107, 60), (184, 38, 27)
HASH_LENGTH = 64  # of a SHA-256, which has to fit into one line
# A quarter of the code may be unreadable: on paper it is folded, stamped and copied.
QR_CORRECTION, QR_QUIET_MODULES = "q", 2


@dataclass(frozen=True)
class Content:
    """What the file says; `preview` is an image file, None while the picture is private."""

    certificate: PublicCertificate
    address: str
    terms_address: str
    preview: bytes | None
    read_at: datetime


def draw(content: Content) -> bytes:
    """Return the PDF file, not yet signed."""
    sheet = Sheet()
    _draw_head(sheet, content)
    top = sheet.get_y()
    _draw_picture(sheet, content)
    left_end = sheet.get_y()
    sheet.set_xy(MARGIN + LEFT_WIDTH + GAP, top)
    for label, value in facts(content):
        sheet.write_lines(label, size=SMALL, colour=FAINT, line=SMALL_LINE)
        sheet.write_lines(value, size=TEXT if len(value) < HASH_LENGTH else SMALL)
        sheet.leave(SPACE)
    sheet.set_xy(MARGIN, max(left_end, sheet.get_y()) + SPACE)
    _draw_terms(sheet, content)
    if sheet.lacks_characters:
        text = gettext(
            "Characters that this file cannot show are written as %(box)s; the page of the"
            " certificate shows them.",
            box=UNKNOWN,
        )
        sheet.write_lines(text, size=SMALL, colour=FAINT, line=SMALL_LINE)
    return sheet.finish()


class Sheet(FPDF):
    """One A4 page with the two weights of our font; text flows down from the cursor."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.set_auto_page_break(auto=False)
        self.set_margin(MARGIN)
        self.c_margin = 0
        self.add_font(SANS, REGULAR, FONTS / "SheetSans-Regular.ttf")
        self.add_font(SANS, BOLD, FONTS / "SheetSans-Bold.ttf")
        self.add_page()
        self.lacks_characters = False

    def write_lines(
        self,
        text: object,
        *,
        width: float = 0,
        size: float = TEXT,
        style: str = REGULAR,
        colour: tuple[int, int, int] = INK,
        line: float = LINE,
    ) -> None:
        """Write text in a column that begins at the cursor; without a width, to the margin."""
        self.set_font(SANS, style, size)
        self.set_text_color(*colour)
        self.multi_cell(
            width,
            line,
            self.writable(str(text)),
            align=Align.L,
            new_x=XPos.LEFT,
            new_y=YPos.NEXT,
        )

    def leave(self, height: float) -> None:
        """Move the cursor down, in its column."""
        self.set_xy(self.get_x(), self.get_y() + height)

    def finish(self) -> bytes:
        """Return the file, and close those of the fonts, which are read until now."""
        file = bytes(self.output())
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()
        return file

    def writable(self, text: str) -> str:
        """Return text in which characters that the current font lacks are UNKNOWN."""
        font = self.fonts[SANS + self.font_style]
        glyphs = font.cmap if isinstance(font, TTFFont) else {}
        written = "".join(each if ord(each) in glyphs else UNKNOWN for each in text)
        self.lacks_characters |= written != text
        return written


def _draw_head(sheet: Sheet, content: Content) -> None:
    certificate = content.certificate
    title = gettext("Certificate")
    sheet.set_title(f"{title} {certificate.public_id}")
    sheet.set_creator("Style License")
    sheet.set_creation_date(content.read_at)
    is_valid = certificate.status == CertificateStatus.VALID
    sheet.write_lines("Style License", colour=FAINT)
    sheet.leave(LINE)
    sheet.write_lines(_state(certificate), style=BOLD, colour=GOOD if is_valid else BAD)
    sheet.write_lines(title, size=TITLE, line=10)
    sheet.write_lines(
        gettext(
            "%(artist)s licensed the style %(style)s for one picture, made by AI and signed.",
            artist=certificate.artist.artist_name,
            style=certificate.style.name,
        )
    )
    sheet.leave(2 * LINE)


def _state(certificate: PublicCertificate) -> str:
    state = str(words.CERTIFICATE_STATES[certificate.status])
    if certificate.revoked_at is not None:
        return f"{state} · {clock.utc(certificate.revoked_at)}"
    if certificate.status != CertificateStatus.VALID and certificate.valid_to is not None:
        return f"{state} · {clock.market_day(certificate.valid_to)}"
    return state


def _draw_picture(sheet: Sheet, content: Content) -> None:
    """Draw the picture and the QR code one below the other, on the left."""
    if content.preview is not None:
        with Image.open(io.BytesIO(content.preview)) as picture:
            scale = min(LEFT_WIDTH / picture.width, PICTURE_HEIGHT / picture.height)
            sheet.image(picture, w=picture.width * scale, h=picture.height * scale)
        sheet.leave(GAP / 2)
    else:
        text = gettext("The picture is not public; only its SHA-256 is shown.")
        sheet.write_lines(text, width=LEFT_WIDTH)
    _draw_qr_code(sheet, content.address)
    text = gettext("Scan the code to see whether the licence is still valid.")
    sheet.write_lines(text, width=LEFT_WIDTH, size=SMALL, colour=FAINT, line=SMALL_LINE)


def qr_code(address: str) -> segno.QRCode:
    """Return the QR code of an address."""
    return segno.make(address, error=QR_CORRECTION, micro=False)


def _draw_qr_code(sheet: Sheet, address: str) -> None:
    """Draw the QR code below the cursor as squares, which stay sharp at any size."""
    modules = tuple(qr_code(address).matrix_iter(border=QR_QUIET_MODULES))
    side = QR_SIDE / len(modules)
    left, top = sheet.get_x(), sheet.get_y()
    sheet.set_fill_color(0)
    for row, line in enumerate(modules):
        for column, is_dark in enumerate(line):
            if is_dark:
                sheet.rect(left + column * side, top + row * side, side, side, style="F")
    sheet.set_y(top + QR_SIDE)


def facts(content: Content) -> Iterator[tuple[str, str]]:
    """Yield labels and values, as the page of the certificate has them."""
    certificate, image = content.certificate, content.certificate.image
    licence = terms.VERSIONS[certificate.terms_version][certificate.license_type]
    yield gettext("Number"), certificate.public_id
    yield gettext("Artist"), certificate.artist.artist_name
    yield gettext("Style"), certificate.style.name
    if certificate.licensee is not None:
        yield gettext("Licensed to"), f"{certificate.licensee_name} @{certificate.licensee}"
    if certificate.licensee_legal_name is not None:
        yield gettext("Name in the licence"), certificate.licensee_legal_name
    version = gettext("version %(version)s", version=certificate.terms_version)
    yield gettext("Licence"), f"{licence.title}, {version}"
    yield gettext("Issued"), clock.utc(certificate.issued_at)
    yield gettext("Valid"), _period(certificate)
    yield gettext("Size"), f"{image.width} × {image.height}"
    yield gettext("SHA-256 of the file"), image.sha256
    yield gettext("Perceptual hash"), image.perceptual_hash
    if certificate.watermark_id is not None:
        yield gettext("Number of the watermark"), certificate.watermark_id
    if certificate.photo is not None:
        yield gettext("SHA-256 of the photo it was painted for"), certificate.photo.sha256
    yield gettext("SHA-256 of the style"), certificate.adapter_sha256
    yield gettext("Base model"), certificate.base_model
    yield gettext("Link to this page"), content.address
    yield gettext("Status checked"), clock.utc(content.read_at)


def _period(certificate: PublicCertificate) -> str:
    begin = gettext("from %(date)s", date=clock.market_day(certificate.valid_from))
    if certificate.valid_to is None:
        return f"{begin}, {gettext('does not expire')}"
    return f"{begin}, {gettext('until %(date)s', date=clock.market_day(certificate.valid_to))}"


def _draw_terms(sheet: Sheet, content: Content) -> None:
    certificate = content.certificate
    licence = terms.VERSIONS[certificate.terms_version][certificate.license_type]
    sheet.write_lines(licence.title, size=HEADING, style=BOLD, line=7)
    sheet.write_lines(licence.summary)
    top, end = sheet.get_y() + SPACE, 0.0
    columns = (
        (MARGIN, gettext("You may"), licence.may),
        (sheet.w / 2, gettext("You may not"), licence.may_not),
    )
    for left, heading, lines in columns:
        sheet.set_xy(left, top)
        width = sheet.w / 2 - MARGIN - SPACE
        sheet.write_lines(heading, width=width, style=BOLD)
        for each in lines:
            sheet.write_lines(f"– {each}", width=width)
        end = max(end, sheet.get_y())
    sheet.set_xy(MARGIN, end + SPACE)
    signed = gettext(
        "This file is signed, so that every change of it is noticed. Whether the licence is still"
        " valid is stated by the page of the certificate."
    )
    for text in (f"{gettext('Licence terms')}: {content.terms_address}", signed):
        sheet.write_lines(text, size=SMALL, colour=FAINT, line=SMALL_LINE)
