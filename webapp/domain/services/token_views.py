"""What people see of their tokens: balances, and the list of transactions.

The words of a transaction are not stored: `memo` names its kind, and who shows it says it in the
reader's language.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, literal, select, union_all
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Account, Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.models.style import Style
from webapp.domain.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.services import ledger
from webapp.domain.viewing import signed_url

IN, OUT = "in", "out"
# A reversal takes an artist's earning back and is the buyer's refund: its type depends on the side.
TYPES: dict[tuple[str, str], str] = {
    (TransferKind.BONUS, IN): "bonus",
    (TransferKind.GRANT, IN): "bonus",
    (TransferKind.HOLD, OUT): "usage",
    (TransferKind.REFUND, IN): "refund",
    (TransferKind.PAYOUT, IN): "earning",
    (TransferKind.REVERSAL, OUT): "earning",
    (TransferKind.REVERSAL, IN): "refund",
    (TransferKind.PURCHASE, IN): "purchase",
    (TransferKind.PURCHASE_REFUND, OUT): "refund",
}
PENDING, COMPLETED, REFUNDED = "pending", "completed", "refunded"


@dataclass(frozen=True)
class TransactionFilter:
    """What of the transactions somebody wants; None and "all" mean everything."""

    type: str = "all"
    direction: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def balance(session: Session, user_id: int) -> dict[str, int]:
    """Return what a person can spend, has in orders, and has earned."""
    balances = ledger.balances(session, user_id)
    return {
        "user_id": user_id,
        "token_balance": balances.spendable,
        "escrowed_tokens": balances.escrowed,
        "earned_token_balance": balances.earned,
    }


def transactions(
    session: Session,
    storage: Storage,
    *,
    user_id: int,
    wanted: TransactionFilter,
    page: PageRequest,
) -> Page:
    """List a person's transactions, newest first."""
    keyset_binding = {"list": "transactions", "user_id": user_id, **vars(wanted)}
    moves = _moves(user_id, wanted).subquery("moves")
    keyset = Keyset(
        [(moves.c.created_at, "created_at", datetime), (moves.c.id, "id", int)], keyset_binding
    )
    statement = (
        select(
            *moves.c,
            Generation.status.label("generation_status"),
            Generation.thumbnail_key,
            Style.id.label("style_id"),
            Style.name.label("style_name"),
            ledger.is_reversed().label("is_reversed"),
            Purchase.order_id,
        )
        .select_from(moves)
        .outerjoin(Generation, Generation.id == moves.c.generation_id)
        .outerjoin(Style, Style.id == Generation.style_id)
        .outerjoin(Purchase, Purchase.id == moves.c.purchase_id)
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: _transaction(storage, row))


def _moves(user_id: int, wanted: TransactionFilter) -> Any:
    """Return the transfers into and out of a person's accounts, each side by its own index."""
    sides = [
        _side(user_id, wanted, direction)
        for direction in (IN, OUT)
        if wanted.direction in {None, direction}
    ]
    return sides[0] if len(sides) == 1 else union_all(*sides)


def _side(user_id: int, wanted: TransactionFilter, direction: str) -> AnySelect:
    is_in = direction == IN
    account_id = Transfer.credit_account_id if is_in else Transfer.debit_account_id
    balance_after = Transfer.credit_balance_after if is_in else Transfer.debit_balance_after
    conditions: list[ColumnElement[bool]] = [Account.owner_id == user_id]
    if wanted.type != "all":
        kinds = [
            kind
            for (kind, side), shown in TYPES.items()
            if (side, shown) == (direction, wanted.type)
        ]
        conditions.append(Transfer.kind.in_(kinds) if kinds else false())
    if wanted.since is not None:
        conditions.append(Transfer.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Transfer.created_at < wanted.until)
    return (
        select(
            Transfer.id,
            Transfer.kind,
            Transfer.amount,
            Transfer.generation_id,
            Transfer.purchase_id,
            Transfer.created_at,
            balance_after.label("balance_after"),
            literal(direction).label("direction"),
        )
        .join(Account, Account.id == account_id)
        .where(*conditions)
    )


def _transaction(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": TYPES[row.kind, row.direction],
        "direction": row.direction,
        "amount": row.amount,
        "unit": "token",
        "status": _status(row),
        "memo": str(row.kind),
        "balance_after": row.balance_after,
        "order_id": row.order_id,
        "related_style": row.style_id and {"id": row.style_id, "name": row.style_name},
        "related_generation": row.generation_id
        and {
            "id": row.generation_id,
            "thumbnail_url": signed_url(storage, row.thumbnail_key),
        },
        "related_job_id": None,
        "created_at": row.created_at,
    }


def _status(row: AnyRow) -> str:
    if row.kind != TransferKind.HOLD:
        return COMPLETED
    if row.is_reversed or row.generation_status in {
        GenerationStatus.FAILED,
        GenerationStatus.CANCELED,
    }:
        return REFUNDED
    if row.generation_status == GenerationStatus.COMPLETED:
        return COMPLETED
    return PENDING
