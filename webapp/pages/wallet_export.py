"""The CSV export of a person's transactions."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC
from unicodedata import normalize

from webapp.domain.queries import tokens as token_queries
from webapp.domain.queries.pagination import MAX_LIMIT, PageRequest
from webapp.domain.queries.tokens import Transaction, TransactionFilter
from webapp.extensions import db, storage
from webapp.http import localize

COLUMNS = ("time", "type", "amount", "balance_after", "status", "words", "style", "image", "order")
# Spreadsheets execute a cell that starts with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"  # without it, spreadsheets read Korean as something else


def lines(user_id: int, filters: TransactionFilter) -> Iterator[str]:
    """Yield the lines of the export, one page at a time, each in its own short session."""
    cursor: str | None = None
    yield BYTE_ORDER_MARK + line(COLUMNS)
    while True:
        with db.session() as short:
            page = token_queries.transactions(
                short,
                storage(),
                user_id=user_id,
                filters=filters,
                page=PageRequest(limit=MAX_LIMIT, cursor=cursor),
            )
        yield "".join(line(_cells(localize.transaction(row))) for row in page.results)
        cursor = page.next_cursor
        if cursor is None:
            return


def _cells(transaction: Transaction) -> tuple[str | int, ...]:
    style, image = transaction.related_style, transaction.related_generation
    is_credit = transaction.direction == token_queries.IN
    return (
        transaction.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        transaction.type,
        transaction.amount if is_credit else -transaction.amount,
        transaction.balance_after,
        transaction.status,
        inert(transaction.memo),
        inert(style.name if style else ""),
        image.id if image else "",
        inert(transaction.order_id or ""),
    )


def inert(text: str) -> str:
    """Return a text that no spreadsheet executes, also if its first sign is a full-width one."""
    return f"'{text}" if normalize("NFKC", text).startswith(FORMULA) else text


def line(cells: tuple[str | int, ...]) -> str:
    """Return the line of some cells."""
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
