"""What people see of their tokens: balances, the list of transactions, what an artist earned.

The words of a transaction are not stored: `memo` names its kind, and who shows it says it in the
reader's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    String,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.models.style import Style
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import ledger

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
    binding = {"list": "transactions", "user_id": user_id, **vars(wanted)}
    keyset = _keyset(Transfer, binding)
    moves = _moves(user_id, wanted, page, keyset).subquery("moves")
    # Cut to a page before anything is looked up.
    shown = _keyset(moves.c, binding).apply(select(moves), page).subquery("shown")
    statement = (
        select(
            Transfer.id,
            Transfer.kind,
            Transfer.amount,
            Transfer.generation_id,
            Transfer.purchase_id,
            Transfer.created_at,
            case(
                (shown.c.direction == IN, Transfer.credit_balance_after),
                else_=Transfer.debit_balance_after,
            ).label("balance_after"),
            shown.c.direction,
            Generation.status.label("generation_status"),
            Generation.thumbnail_key,
            Style.id.label("style_id"),
            Style.name.label("style_name"),
            ledger.is_reversed().label("is_reversed"),
            Purchase.order_id,
        )
        .select_from(shown)
        .join(Transfer, Transfer.id == shown.c.id)
        .outerjoin(Generation, Generation.id == Transfer.generation_id)
        .outerjoin(Style, Style.id == Generation.style_id)
        .outerjoin(Purchase, Purchase.id == Transfer.purchase_id)
        .order_by(shown.c.created_at.desc(), shown.c.id.desc())
    )
    rows = session.execute(statement).all()
    return keyset.page(rows, page, lambda row: _transaction(storage, row))


def earned_between(session: Session, user_id: int, moments: Sequence[datetime]) -> list[int]:
    """Return what a person earned with styles between each two of the moments, which rise.

    What an administrator took back is taken off when it happened. Nothing is summed up: only
    payouts and reversals touch what was earned, each names the balance it left, and the last one
    before a moment is found by an index, however many there are.
    """
    edges = func.unnest(array(moments, type_=DateTime(timezone=True)))
    edge = edges.table_valued("at", name="edge").render_derived()
    paid = _last(Transfer.credit_account_id, TransferKind.PAYOUT, edge.c.at)
    taken = _last(Transfer.debit_account_id, TransferKind.REVERSAL, edge.c.at)
    both = union_all(
        paid.add_columns(Transfer.credit_balance_after.label("balance")).subquery().select(),
        taken.add_columns(Transfer.debit_balance_after.label("balance")).subquery().select(),
    ).subquery()
    left = select(both.c.balance).order_by(both.c.created_at.desc(), both.c.id.desc()).limit(1)
    rows = session.scalars(
        select(func.coalesce(left.correlate(edge, Account).scalar_subquery(), 0))
        .select_from(edge)
        .join(Account, true())
        .where(Account.owner_id == user_id, Account.kind == AccountKind.EARNED)
        .order_by(edge.c.at)
    ).all()
    balances = rows or [0] * len(moments)
    return [after - before for before, after in pairwise(balances)]


def _last(account_id: Any, kind: TransferKind, before: ColumnElement[datetime]) -> AnySelect:
    return (
        select(Transfer.created_at, Transfer.id)
        .where(account_id == Account.id, Transfer.kind == kind, Transfer.created_at < before)
        .order_by(Transfer.created_at.desc(), Transfer.id.desc())
        .limit(1)
        .correlate_except(Transfer)
    )


def _keyset(columns: Any, binding: dict[str, Any]) -> Keyset:
    return Keyset([(columns.created_at, "created_at", datetime), (columns.id, "id", int)], binding)


def _moves(user_id: int, wanted: TransactionFilter, page: PageRequest, keyset: Keyset) -> Any:
    """Return the newest transfers into and out of a person's accounts, a page of each sort."""
    sides = [
        _side(user_id, wanted, direction, page, keyset)
        for direction in (IN, OUT)
        if wanted.direction in {None, direction}
    ]
    return sides[0] if len(sides) == 1 else union_all(*sides)


def _side(
    user_id: int, wanted: TransactionFilter, direction: str, page: PageRequest, keyset: Keyset
) -> AnySelect:
    """Return the newest of each account and kind on one side, each from the end of an index.

    However many transfers a person has, and however few of the wanted kind, no others are read.
    """
    account_id = Transfer.credit_account_id if direction == IN else Transfer.debit_account_id
    kinds = [
        str(kind)
        for (kind, side), shown in TYPES.items()
        if side == direction and wanted.type in {"all", shown}
    ]
    listed = func.unnest(array(kinds, type_=String)).table_valued("kind", name="listed")
    listed = listed.render_derived()
    conditions: list[ColumnElement[bool]] = [
        account_id == Account.id,
        Transfer.kind == listed.c.kind,
    ]
    if wanted.since is not None:
        conditions.append(Transfer.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Transfer.created_at < wanted.until)
    newest = keyset.apply(select(Transfer.id, Transfer.created_at).where(*conditions), page)
    moves = newest.lateral("newest")
    return (
        select(*moves.c, literal(direction).label("direction"))
        .select_from(Account)
        .join(listed, true())
        .join(moves, true())
        .where(Account.owner_id == user_id)
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
