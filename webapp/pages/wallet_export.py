"""The CSV export of a person's transactions."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC

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
    yield BYTE_ORDER_MARK + _line(COLUMNS)
    while True:
        with db.session() as short:
            page = token_queries.transactions(
                short,
                storage(),
                user_id=user_id,
                filters=filters,
                page=PageRequest(limit=MAX_LIMIT, cursor=cursor),
            )
        yield "".join(_line(_cells(localize.transaction(row))) for row in page.results)
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
        _inert(transaction.memo),
        _inert(style.name if style else ""),
        image.id if image else "",
        _inert(transaction.order_id or ""),
    )


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(cells: tuple[str | int, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
