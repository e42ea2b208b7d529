"""/wallet/statements: the monthly statement of an artist's earned tokens, as CSV and as PDF.

Months are those of the market's time zone, so that a statement is the same for every reader.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

from flask import Blueprint, Response, stream_with_context
from flask_babel import gettext

from webapp.domain import market, pdf_signature
from webapp.domain.errors import NotFound
from webapp.domain.queries import statements as statement_queries
from webapp.domain.queries.pagination import MAX_LIMIT, PageRequest
from webapp.domain.queries.statements import Line, Period
from webapp.domain.signing_chain import ChainUnusable
from webapp.extensions import app_settings, db, unit_of_work
from webapp.http.access import artist, current_artist, own_transactions, user
from webapp.pages import payment_words, statement_pdf
from webapp.pages.wallet_export import BYTE_ORDER_MARK, inert, line

blueprint = Blueprint("statements", __name__)
MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])", re.ASCII)
COLUMNS = (
    *("time", "kind", "words", "style", "certificate"),
    *("tokens", "balance", "paid_krw", "reference"),
)
MAX_PDF_LINES = 300  # drawn in a second or two; the CSV file has all


def months_since(begin: datetime) -> list[date]:
    """Return the first days of the months that have a statement, newest first."""
    last, first = market.today().replace(day=1), market.day_of(begin).replace(day=1)
    count = 12 * (last.year - first.year) + last.month - first.month + 1
    months = [last]
    for _ in range(count - 1):
        earlier = months[-1]
        months.append(date(earlier.year - (earlier.month == 1), (earlier.month - 2) % 12 + 1, 1))
    return months


@blueprint.get("/wallet/statements/<month>.csv")
@own_transactions
@artist
def as_csv(month: str) -> Response:
    """Stream the statement of a month as CSV."""
    lines = _csv_lines(_period(month))
    return Response(
        stream_with_context(lines), mimetype="text/csv", headers=_attachment(month, "csv")
    )


@blueprint.get("/wallet/statements/<month>.pdf")
@own_transactions
@artist
def as_pdf(month: str) -> Response:
    """Return the statement of a month as PDF, signed where this site can sign."""
    period = _period(month)
    owner, artist_name = user(), current_artist().artist_name
    lines: list[Line] = []
    cursor: str | None = None
    with unit_of_work() as session:
        statement = statement_queries.summary(session, period)
        while len(lines) < MAX_PDF_LINES:
            request = PageRequest(limit=MAX_LIMIT, cursor=cursor)
            page = statement_queries.lines(session, period, request)
            lines += page.results
            cursor = page.next_cursor
            if cursor is None:
                break
    content = statement_pdf.Content(
        artist_name=artist_name,
        username=owner.username,
        month=month,
        statement=statement,
        lines=lines,
        has_more=cursor is not None,
        made_at=datetime.now(UTC),
    )
    response = Response(_signed(statement_pdf.draw(content)), mimetype="application/pdf")
    response.headers.update(_attachment(month, "pdf"))
    return response


def _period(month: str) -> Period:
    """Return the period of a month's statement, which ends now at the latest.

    Raises NotFound for what is no month, for later months, and for those before the artist's first.
    """
    if not MONTH.fullmatch(month):
        raise NotFound(resource="statement")
    since, until = market.month(*(int(part) for part in month.split("-")))
    now = datetime.now(UTC)
    if since > now or until <= current_artist().created_at:
        raise NotFound(resource="statement")
    return Period(user().id, since, min(until, now))


def _csv_lines(period: Period) -> Iterator[str]:
    """Yield the lines, one page at a time, each in its own short session."""
    with db.session() as short:
        statement = statement_queries.summary(short, period)
    yield BYTE_ORDER_MARK + line(COLUMNS)
    yield _balance_line(period.since, "opening", gettext("Opening balance"), statement.opening)
    balance = statement.opening
    cursor: str | None = None
    while True:
        with db.session() as short:
            request = PageRequest(limit=MAX_LIMIT, cursor=cursor)
            page = statement_queries.lines(short, period, request)
        balance += sum(each.tokens for each in page.results)
        yield "".join(line(_cells(each)) for each in page.results)
        cursor = page.next_cursor
        if cursor is None:
            break
    yield _balance_line(period.until, "closing", gettext("Closing balance"), balance)


def _balance_line(when: datetime, kind: str, words: str, balance: int) -> str:
    return line((_time(when), kind, words, "", "", "", balance, "", ""))


def _cells(each: Line) -> tuple[str | int, ...]:
    return (
        _time(each.created_at),
        each.kind,
        str(payment_words.STATEMENT_LINES[each.kind]),
        inert(each.style or ""),
        each.public_id or "",
        each.tokens,
        "" if each.balance is None else each.balance,
        "" if each.paid_krw is None else each.paid_krw,
        inert(each.reference or ""),
    )


def _time(when: datetime) -> str:
    return market.local(when).isoformat(timespec="seconds")


def _signed(file: bytes) -> bytes:
    try:
        return pdf_signature.sign(file, pdf_signature.signer_of(app_settings()))
    except ChainUnusable:
        return file


def _attachment(month: str, ending: str) -> dict[str, str]:
    name = f"style-license-statement-{month}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}
