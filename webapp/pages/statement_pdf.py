"""The statement of an artist's earned tokens as a PDF, in the language of the request."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask_babel import format_decimal, gettext
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace

from webapp.domain import market
from webapp.domain.models.ledger import TransferKind
from webapp.domain.queries.statements import Line, Statement
from webapp.pages import clock, payment_words
from webapp.pages.certificate_pdf import (
    BOLD,
    FAINT,
    HEADING,
    LINE,
    MARGIN,
    SMALL,
    SMALL_LINE,
    SPACE,
    TITLE,
    UNKNOWN,
    Sheet,
)

TOTAL_WIDTHS = (110, 28, 40)
LINE_WIDTHS = (29, 44, 34, 38, 16, 17)
WORDS, NUMBER = "LEFT", "RIGHT"
MINUTES = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Content:
    """What the file says; `has_more` if `lines` are only the first of the month."""

    artist_name: str
    username: str
    month: str
    statement: Statement
    lines: list[Line]
    has_more: bool
    made_at: datetime


def draw(content: Content) -> bytes:
    """Return the PDF file, not yet signed."""
    sheet = Sheet()
    sheet.set_auto_page_break(auto=True, margin=MARGIN)
    _draw_head(sheet, content)
    _draw_table(sheet, list(totals(content)), TOTAL_WIDTHS, words=1)
    sheet.leave(LINE)
    if content.lines:
        sheet.write_lines(gettext("Transactions"), size=HEADING, style=BOLD, line=7)
        _draw_table(sheet, list(rows(content)), LINE_WIDTHS, words=4)
    sheet.leave(LINE)
    for text in notes(content):
        sheet.write_lines(text, size=SMALL, colour=FAINT, line=SMALL_LINE)
    if sheet.lacks_characters:
        text = gettext(
            "Characters that this file cannot show are written as %(box)s; the CSV file has them.",
            box=UNKNOWN,
        )
        sheet.write_lines(text, size=SMALL, colour=FAINT, line=SMALL_LINE)
    return sheet.finish()


def _draw_head(sheet: Sheet, content: Content) -> None:
    title = gettext("Statement of earned tokens")
    sheet.set_title(f"{title} {content.month}")
    sheet.set_creator("Style License")
    sheet.set_creation_date(content.made_at)
    sheet.write_lines("Style License", colour=FAINT)
    sheet.leave(LINE)
    sheet.write_lines(title, size=TITLE, line=10)
    sheet.write_lines(f"{content.artist_name} @{content.username}")
    period = gettext(
        "From %(since)s until %(until)s (%(city)s time)",
        since=market.local(content.statement.period.since).strftime(MINUTES),
        until=market.local(content.statement.period.until).strftime(MINUTES),
        city=clock.market(),
    )
    sheet.write_lines(period)
    sheet.leave(LINE)


def totals(content: Content) -> Iterator[tuple[str, ...]]:
    """Yield the balances and the sum of each kind of line, below their headings.

    Settlements have no sum: they move no earned tokens.
    """
    statement = content.statement
    yield "", gettext("Count"), gettext("Tokens")
    yield gettext("Opening balance"), "", str(format_decimal(statement.opening))
    for kind, words in payment_words.STATEMENT_LINES.items():
        total = statement.totals.get(kind)
        if total is not None and kind != TransferKind.PAYOUT_SETTLEMENT:
            yield str(words), str(format_decimal(total.count)), str(format_decimal(total.tokens))
    yield gettext("Closing balance"), "", str(format_decimal(statement.closing))


def rows(content: Content) -> Iterator[tuple[str, ...]]:
    """Yield the transactions, oldest first, below their headings."""
    yield (
        gettext("Time"),
        gettext("Kind"),
        gettext("Style"),
        gettext("Certificate"),
        gettext("Tokens"),
        gettext("Balance"),
    )
    for each in content.lines:
        yield (
            market.local(each.created_at).strftime(MINUTES),
            _words(each),
            each.style or "",
            each.public_id or each.reference or "",
            str(format_decimal(each.tokens)),
            "" if each.balance is None else str(format_decimal(each.balance)),
        )


def notes(content: Content) -> Iterator[str]:
    """Yield what the reader has to know about the figures."""
    if content.has_more:
        yield gettext(
            "Only the first %(count)s transactions are listed here; the CSV file has all.",
            count=format_decimal(len(content.lines)),
        )
    yield gettext("Months begin at midnight in %(city)s.", city=clock.market())
    yield gettext("Made on %(time)s.", time=clock.market_time(content.made_at))


def _words(line: Line) -> str:
    words = str(payment_words.STATEMENT_LINES[line.kind])
    return words if line.paid_krw is None else f"{words}: ₩{format_decimal(line.paid_krw)}"


def _draw_table(
    sheet: Sheet, cells: list[tuple[str, ...]], widths: tuple[int, ...], *, words: int
) -> None:
    """Draw rows whose first columns are words and whose others are numbers."""
    sheet.set_font(size=SMALL)
    alignment = [WORDS] * words + [NUMBER] * (len(widths) - words)
    with sheet.table(
        col_widths=widths,
        text_align=alignment,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis=TextEmphasis.B),
        line_height=SMALL_LINE,
        padding=SPACE / 2,
    ) as table:
        for row in cells:
            drawn = table.row()
            for cell in row:
                drawn.cell(sheet.writable(cell))
