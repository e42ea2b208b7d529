"""Read a user's tokens: balances, transactions, and the earnings of an artist.

No text is stored with a transaction: `memo` is its kind, which `webapp.http.localize` turns into a
sentence in the language of the request.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, literal, select, union_all
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.models.style import Style
from webapp.domain.queries import postings
from webapp.domain.queries.answers import StyleName
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations, ledger

IN, OUT = "in", "out"
# A reversal takes an artist's earning back and is the buyer's refund: its type depends on the side.
# A conversion is listed once, where the tokens can be spent, and a payout when it is requested.
TYPES: dict[tuple[TransferKind, str], str] = {
    (TransferKind.BONUS, IN): "bonus",
    (TransferKind.GRANT, IN): "bonus",
    (TransferKind.HOLD, OUT): "usage",
    (TransferKind.REFUND, IN): "refund",
    (TransferKind.PAYOUT, IN): "earning",
    (TransferKind.REVERSAL, OUT): "earning",
    (TransferKind.REVERSAL, IN): "refund",
    (TransferKind.PURCHASE, IN): "purchase",
    (TransferKind.PURCHASE_REFUND, OUT): "refund",
    (TransferKind.CONVERSION, IN): "earning",
    (TransferKind.CONVERSION_BACK, OUT): "earning",
    (TransferKind.COVER, IN): "earning",
    (TransferKind.PAYOUT_REQUEST, OUT): "payout",
    (TransferKind.PAYOUT_RETURN, IN): "payout",
    (TransferKind.PAYOUT_REVERSAL, IN): "payout",
}
# After these the balance is that of the earned tokens, after all others of the spendable ones.
OF_EARNED = {
    (TransferKind.PAYOUT, IN),
    (TransferKind.REVERSAL, OUT),
    (TransferKind.COVER, IN),
    (TransferKind.PAYOUT_REQUEST, OUT),
    (TransferKind.PAYOUT_RETURN, IN),
    (TransferKind.PAYOUT_REVERSAL, IN),
}
PENDING, COMPLETED, REFUNDED = "pending", "completed", "refunded"


@dataclass(frozen=True)
class TransactionFilter:
    """Filters of a user's transactions; None and "all" mean all."""

    type: str = "all"
    direction: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """A user's tokens: available, held for orders, and earned with styles."""

    user_id: int
    token_balance: int
    escrowed_tokens: int
    earned_token_balance: int


@dataclass(frozen=True, slots=True)
class RelatedGeneration:
    """The picture that a transaction belongs to; it has a thumbnail once it is completed."""

    id: int
    thumbnail_url: str | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transfer from the side of one user.

    Attributes:
        type: a value of TYPES.
        direction: IN or OUT.
        amount: tokens, at least 1.
        status: PENDING, COMPLETED or REFUNDED.
        memo: the kind of the transfer, or its sentence in the language of the request.
        related_job_id: always None; part of the API for transactions of credits.

    """

    id: int
    type: str
    direction: str
    amount: int
    unit: str
    status: str
    memo: str
    balance_after: int
    order_id: str | None
    related_style: StyleName | None
    related_generation: RelatedGeneration | None
    related_job_id: str | None
    created_at: datetime


def balance(session: Session, user_id: int) -> Balance:
    """Return the available, held and earned tokens of a user."""
    balances = ledger.balances(session, user_id)
    return Balance(
        user_id=user_id,
        token_balance=balances.spendable,
        escrowed_tokens=balances.escrowed,
        earned_token_balance=balances.earned,
    )


def is_of_earned(transaction: Transaction) -> bool:
    """Tell whether the balance after a transaction, as it was read, is that of earned tokens."""
    return (transaction.memo, transaction.direction) in OF_EARNED


def transactions(
    session: Session,
    storage: Storage,
    *,
    user_id: int,
    filters: TransactionFilter,
    page: PageRequest,
) -> Page[Transaction]:
    """List a user's transactions, newest first."""
    binding = {"list": "transactions", "user_id": user_id, **vars(filters)}
    keyset = _keyset(Transfer, binding)
    newest = _newest(user_id, filters, page, keyset).subquery("newest")
    # Limit to one page before the joins.
    selected = _keyset(newest.c, binding).apply(select(newest), page).subquery("selected")
    statement = (
        select(
            Transfer.id,
            Transfer.kind,
            Transfer.amount,
            Transfer.generation_id,
            Transfer.purchase_id,
            Transfer.created_at,
            case(
                (selected.c.direction == IN, Transfer.credit_balance_after),
                else_=Transfer.debit_balance_after,
            ).label("balance_after"),
            selected.c.direction,
            Generation.status.label("generation_status"),
            *generations.VISIBILITY,
            Generation.thumbnail_key,
            Style.id.label("style_id"),
            Style.name.label("style_name"),
            ledger.is_reversed().label("is_reversed"),
            Purchase.order_id,
        )
        .select_from(selected)
        .join(Transfer, Transfer.id == selected.c.id)
        .outerjoin(Generation, Generation.id == Transfer.generation_id)
        .outerjoin(Style, Style.id == Generation.style_id)
        .outerjoin(Purchase, Purchase.id == Transfer.purchase_id)
        .order_by(selected.c.created_at.desc(), selected.c.id.desc())
    )
    rows = session.execute(statement).all()
    viewer = Viewer(user_id)
    return keyset.page(rows, page, lambda row: _transaction(storage, viewer, row))


def _keyset(columns: Any, binding: dict[str, object]) -> Keyset:
    return Keyset([(columns.created_at, "created_at", datetime), (columns.id, "id", int)], binding)


def _newest(user_id: int, filters: TransactionFilter, page: PageRequest, keyset: Keyset) -> Any:
    """Return the newest transfers into and out of a user's accounts, one page of each side."""
    sides = [
        _side(user_id, filters, direction, page, keyset)
        for direction in (IN, OUT)
        if filters.direction in {None, direction}
    ]
    return sides[0] if len(sides) == 1 else union_all(*sides)


def _side(
    user_id: int, filters: TransactionFilter, direction: str, page: PageRequest, keyset: Keyset
) -> AnySelect:
    """Return the newest transfers on one side, one page of each account and kind."""
    found = postings.on_side(
        Transfer.credit_account_id if direction == IN else Transfer.debit_account_id,
        user_id=user_id,
        kinds=[
            kind
            for (kind, side), name in TYPES.items()
            if side == direction and filters.type in {"all", name}
        ],
        conditions=postings.within(filters.since, filters.until),
        keyset=keyset,
        page=page,
    )
    return found.add_columns(literal(direction).label("direction"))


def _related(storage: Storage, viewer: Viewer, row: AnyRow) -> RelatedGeneration | None:
    """Return the picture of a transfer; an artist is paid for private ones, too."""
    if row.generation_id is None:
        return None
    key = row.thumbnail_key if generations.may_see(viewer, row) else None
    return RelatedGeneration(row.generation_id, signed_url(storage, key))


def _transaction(storage: Storage, viewer: Viewer, row: AnyRow) -> Transaction:
    style = None if row.style_id is None else StyleName(row.style_id, row.style_name)
    return Transaction(
        id=row.id,
        type=TYPES[row.kind, row.direction],
        direction=row.direction,
        amount=row.amount,
        unit="token",
        status=_status(row),
        memo=row.kind,
        balance_after=row.balance_after,
        order_id=row.order_id,
        related_style=style,
        related_generation=_related(storage, viewer, row),
        related_job_id=None,
        created_at=row.created_at,
    )


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
