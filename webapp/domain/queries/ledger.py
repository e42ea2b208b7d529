"""The ledger as administrators search it: rows with both sides, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp.domain.models.account import User
from webapp.domain.models.ledger import Account, Transfer, TransferKind
from webapp.domain.models.payment import Purchase
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest

Side = InstrumentedAttribute[int]


@dataclass(frozen=True)
class LedgerFilter:
    """Which rows of the ledger an administrator wants; None means all."""

    user_id: int | None = None
    kind: str | None = None
    generation_id: int | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def transfers(session: Session, *, wanted: LedgerFilter, page: PageRequest) -> Page:
    """List transfers with the accounts on both sides, newest first."""
    keyset = Keyset(
        [(Transfer.created_at, "created_at", datetime), (Transfer.id, "id", int)],
        {"list": "ledger", **vars(wanted)},
    )
    ids = _of_one_thing(wanted, page, keyset)
    if ids is None:
        ids = keyset.apply(select(Transfer.id).where(*_within(wanted), *_of_kind(wanted)), page)
        if wanted.user_id is not None:
            ids = _of_person(wanted.user_id, wanted, page, keyset)
    rows = session.execute(keyset.look_up(_with_sides(), ids)).all()
    return keyset.page(rows, page, _transfer)


def _of_kind(wanted: LedgerFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.kind is None else [Transfer.kind == wanted.kind]


def _within(wanted: LedgerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        conditions.append(Transfer.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Transfer.created_at < wanted.until)
    return conditions


def _of_one_thing(wanted: LedgerFilter, page: PageRequest, keyset: Keyset) -> AnySelect | None:
    """Return the few rows of one image or purchase, as the indexes that keep them unique hold them.

    The kinds are written as those indexes write them.
    """
    conditions: list[ColumnElement[bool]] = []
    if wanted.generation_id is not None:
        is_of_image = Transfer.generation_id == wanted.generation_id
        outcome = (TransferKind.PAYOUT.value, TransferKind.REFUND.value)
        conditions.append(
            or_(
                and_(is_of_image, Transfer.kind == TransferKind.HOLD),
                and_(is_of_image, Transfer.kind.in_(outcome)),
                and_(is_of_image, Transfer.kind == TransferKind.REVERSAL),
            )
        )
    if wanted.order_id is not None:
        bought = select(Purchase.id).where(Purchase.order_id == wanted.order_id)
        conditions.append(Transfer.purchase_id == bought.scalar_subquery())
    if not conditions:
        return None
    if wanted.user_id is not None:
        own = select(Account.id).where(Account.owner_id == wanted.user_id)
        conditions.append(Transfer.debit_account_id.in_(own) | Transfer.credit_account_id.in_(own))
    every = select(Transfer.id).where(*conditions, *_within(wanted), *_of_kind(wanted))
    return keyset.apply(every, page)


def _of_person(user_id: int, wanted: LedgerFilter, page: PageRequest, keyset: Keyset) -> AnySelect:
    """Return the newest of a person's accounts: a page of each account, side and kind, then one."""
    sides = (Transfer.debit_account_id, Transfer.credit_account_id)
    moves = union(*(_side(side, user_id, wanted, page, keyset) for side in sides))
    found = moves.subquery("moves")
    newest = keyset.on(found.c)
    return newest.apply(select(found.c.id), page)


def _side(
    side: Side, user_id: int, wanted: LedgerFilter, page: PageRequest, keyset: Keyset
) -> AnySelect:
    kinds = [kind.value for kind in TransferKind if wanted.kind in {None, kind.value}]
    listed = func.unnest(array(kinds, type_=String)).table_valued("kind", name="listed")
    listed = listed.render_derived()
    of_kind = select(Transfer.id, Transfer.created_at).where(
        side == Account.id, Transfer.kind == listed.c.kind, *_within(wanted)
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


def _transfer(row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": row.created_at,
        "kind": row.kind,
        "amount": row.amount,
        "generation_id": row.generation_id,
        "order_id": row.order_id,
        "debit": {
            "kind": row.debit_kind,
            "person": _person(row.payer_id, row.payer_name),
            "balance_after": row.debit_balance_after,
        },
        "credit": {
            "kind": row.credit_kind,
            "person": _person(row.payee_id, row.payee_name),
            "balance_after": row.credit_balance_after,
        },
    }


def _person(user_id: int | None, username: str | None) -> dict[str, Any] | None:
    return None if user_id is None else {"id": user_id, "username": username}
