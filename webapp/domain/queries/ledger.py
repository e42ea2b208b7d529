"""Read the ledger for administrators: transfers with both sides, newest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, and_, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp.domain.models.account import User
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.queries.answers import UserName, user_name
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest

Side = InstrumentedAttribute[int]


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
    """A transfer with its two sides; `amount` in tokens."""

    id: int
    created_at: datetime
    kind: TransferKind
    amount: int
    generation_id: int | None
    order_id: str | None
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
        ids = keyset.apply(select(Transfer.id).where(*_within(filters), *_of_kind(filters)), page)
        if filters.user_id is not None:
            ids = _of_user(filters.user_id, filters, page, keyset)
    rows = session.execute(keyset.look_up(_with_sides(), ids)).all()
    return keyset.page(rows, page, _transfer)


def _of_kind(filters: LedgerFilter) -> list[ColumnElement[bool]]:
    return [] if filters.kind is None else [Transfer.kind == filters.kind]


def _within(filters: LedgerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.since is not None:
        conditions.append(Transfer.created_at >= filters.since)
    if filters.until is not None:
        conditions.append(Transfer.created_at < filters.until)
    return conditions


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
    ids = select(Transfer.id).where(*conditions, *_within(filters), *_of_kind(filters))
    return keyset.apply(ids, page)


def _of_user(user_id: int, filters: LedgerFilter, page: PageRequest, keyset: Keyset) -> AnySelect:
    """Return the newest transfers of a user: one page of each account, side and kind, merged."""
    sides = (Transfer.debit_account_id, Transfer.credit_account_id)
    newest = union(*(_side(side, user_id, filters, page, keyset) for side in sides))
    merged = newest.subquery("merged")
    return keyset.on(merged.c).apply(select(merged.c.id), page)


def _side(
    side: Side, user_id: int, filters: LedgerFilter, page: PageRequest, keyset: Keyset
) -> AnySelect:
    kinds = [kind.value for kind in TransferKind if filters.kind in {None, kind.value}]
    listed = func.unnest(array(kinds, type_=String)).table_valued("kind", name="listed")
    listed = listed.render_derived()
    of_kind = select(Transfer.id, Transfer.created_at).where(
        side == Account.id, Transfer.kind == listed.c.kind, *_within(filters)
    )
    newest = keyset.apply(of_kind, page).lateral("newest")
    return (
        select(newest.c.id, newest.c.created_at)
        .select_from(Account)
        .join(listed, true())
        .join(newest, true())
        .where(Account.owner_id == user_id)
    )


def _with_sides() -> AnySelect:
    debit, credit = aliased(Account), aliased(Account)
    payer, payee = aliased(User), aliased(User)
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
