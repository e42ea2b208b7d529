"""Read the ledger for administrators: transfers with both sides, newest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, union
from sqlalchemy.orm import Session, aliased

from webapp.domain.models.account import User
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.queries import postings
from webapp.domain.queries.answers import UserName, user_name
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest


@dataclass(frozen=True)
class LedgerFilter:
    """Filters of the ledger; None means all."""

    user_id: int | None = None
    kind: str | None = None
    generation_id: int | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of a transfer; accounts of the platform have no user, and some no balance."""

    kind: AccountKind
    person: UserName | None
    balance_after: int | None


@dataclass(frozen=True, slots=True)
class PostedTransfer:
    """A transfer with its two sides; `amount` in tokens.

    `is_refundable`: it has paid an artist for a picture that nobody has refunded.
    """

    id: int
    created_at: datetime
    kind: TransferKind
    amount: int
    generation_id: int | None
    order_id: str | None
    is_refundable: bool
    debit: Posting
    credit: Posting


def transfers(
    session: Session, *, filters: LedgerFilter, page: PageRequest
) -> Page[PostedTransfer]:
    """List transfers with the accounts on both sides, newest first."""
    keyset = Keyset(
        [(Transfer.created_at, "created_at", datetime), (Transfer.id, "id", int)],
        {"list": "ledger", **vars(filters)},
    )
    ids = _of_generation_or_purchase(filters, page, keyset)
    if ids is None:
        ids = keyset.apply(
            select(Transfer.id).where(
                *postings.within(filters.since, filters.until), *_of_kind(filters)
            ),
            page,
        )
        if filters.user_id is not None:
            ids = _of_user(filters.user_id, filters, page, keyset)
    rows = session.execute(keyset.look_up(_with_sides(), ids)).all()
    return keyset.page(rows, page, _transfer)


def _of_kind(filters: LedgerFilter) -> list[ColumnElement[bool]]:
    return [] if filters.kind is None else [Transfer.kind == filters.kind]


def _of_generation_or_purchase(
    filters: LedgerFilter, page: PageRequest, keyset: Keyset
) -> AnySelect | None:
    """Return the few rows of one picture or purchase; None without such a filter.

    The conditions on `kind` are those of the partial unique indexes, so that PostgreSQL uses them.
    """
    conditions: list[ColumnElement[bool]] = []
    if filters.generation_id is not None:
        is_of_picture = Transfer.generation_id == filters.generation_id
        outcome = (TransferKind.PAYOUT.value, TransferKind.REFUND.value)
        conditions.append(
            or_(
                and_(is_of_picture, Transfer.kind == TransferKind.HOLD),
                and_(is_of_picture, Transfer.kind.in_(outcome)),
                and_(is_of_picture, Transfer.kind == TransferKind.REVERSAL),
            )
        )
    if filters.order_id is not None:
        bought = select(Purchase.id).where(Purchase.order_id == filters.order_id)
        conditions.append(Transfer.purchase_id == bought.scalar_subquery())
    if not conditions:
        return None
    if filters.user_id is not None:
        own = select(Account.id).where(Account.owner_id == filters.user_id)
        conditions.append(Transfer.debit_account_id.in_(own) | Transfer.credit_account_id.in_(own))
    ids = select(Transfer.id).where(
        *conditions, *postings.within(filters.since, filters.until), *_of_kind(filters)
    )
    return keyset.apply(ids, page)


def _of_user(user_id: int, filters: LedgerFilter, page: PageRequest, keyset: Keyset) -> AnySelect:
    """Return the newest transfers of a user: one page of each account, side and kind, merged."""
    sides = (
        postings.on_side(
            side,
            user_id=user_id,
            kinds=[kind for kind in TransferKind if filters.kind in {None, kind.value}],
            conditions=postings.within(filters.since, filters.until),
            keyset=keyset,
            page=page,
        )
        for side in (Transfer.debit_account_id, Transfer.credit_account_id)
    )
    newest = union(*sides)
    merged = newest.subquery("merged")
    return keyset.on(merged.c).apply(select(merged.c.id), page)


def _with_sides() -> AnySelect:
    debit, credit = aliased(Account), aliased(Account)
    payer, payee = aliased(User), aliased(User)
    reversal = aliased(Transfer)
    is_reversed = exists().where(
        reversal.generation_id == Transfer.generation_id, reversal.kind == TransferKind.REVERSAL
    )
    return (
        select(
            Transfer.id,
            Transfer.created_at,
            Transfer.kind,
            Transfer.amount,
            Transfer.generation_id,
            Purchase.order_id,
            debit.kind.label("debit_kind"),
            payer.id.label("payer_id"),
            payer.username.label("payer_name"),
            Transfer.debit_balance_after,
            credit.kind.label("credit_kind"),
            payee.id.label("payee_id"),
            payee.username.label("payee_name"),
            Transfer.credit_balance_after,
            and_(Transfer.kind == TransferKind.PAYOUT, ~is_reversed).label("is_refundable"),
        )
        .join(debit, debit.id == Transfer.debit_account_id)
        .join(credit, credit.id == Transfer.credit_account_id)
        .outerjoin(payer, payer.id == debit.owner_id)
        .outerjoin(payee, payee.id == credit.owner_id)
        .outerjoin(Purchase, Purchase.id == Transfer.purchase_id)
    )


def _transfer(row: AnyRow) -> PostedTransfer:
    return PostedTransfer(
        id=row.id,
        created_at=row.created_at,
        kind=row.kind,
        amount=row.amount,
        generation_id=row.generation_id,
        order_id=row.order_id,
        is_refundable=row.is_refundable,
        debit=Posting(
            kind=row.debit_kind,
            person=user_name(row.payer_id, row.payer_name),
            balance_after=row.debit_balance_after,
        ),
        credit=Posting(
            kind=row.credit_kind,
            person=user_name(row.payee_id, row.payee_name),
            balance_after=row.credit_balance_after,
        ),
    )
