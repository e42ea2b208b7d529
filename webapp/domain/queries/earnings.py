"""What an artist earned with styles, over time."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, DateTime, TableValuedAlias, func, select, true, union_all
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.queries.pagination import AnySelect

# What became spendable or left as a payout, and what came back: no change of what was earned.
MOVED_ON = (TransferKind.CONVERSION, TransferKind.PAYOUT_REQUEST)
MOVED_BACK = (
    TransferKind.CONVERSION_BACK,
    TransferKind.PAYOUT_RETURN,
    TransferKind.PAYOUT_REVERSAL,
)
ADDED_TO_EARNED = (TransferKind.PAYOUT, TransferKind.COVER, *MOVED_BACK)
TAKEN_FROM_EARNED = (TransferKind.REVERSAL, *MOVED_ON)


def between(session: Session, user_id: int, moments: Sequence[datetime]) -> list[int]:
    """Return the tokens that a user earned with styles between consecutive, ascending moments.

    A reversal by an administrator counts as negative at its own time, less what the platform paid
    of it. Only what was moved on is summed: each other row stores the earned balance after it.
    """
    edge = _edge(moments)
    moved_on = _sum(Transfer.debit_account_id, MOVED_ON, edge.c.at)
    moved_back = _sum(Transfer.credit_account_id, MOVED_BACK, edge.c.at)
    earned = _at_edges(session, user_id, edge, _balance(edge) + moved_on - moved_back)
    return [after - before for before, after in pairwise(earned or [0] * len(moments))]


def balances_before(session: Session, user_id: int, moments: Sequence[datetime]) -> list[int]:
    """Return the earned balance of a user just before each of some ascending moments."""
    edge = _edge(moments)
    return _at_edges(session, user_id, edge, _balance(edge)) or [0] * len(moments)


def _edge(moments: Sequence[datetime]) -> TableValuedAlias:
    edges = func.unnest(array(moments, type_=DateTime(timezone=True)))
    return edges.table_valued("at", name="edge").render_derived()


def _at_edges(
    session: Session, user_id: int, edge: TableValuedAlias, value: ColumnElement[int]
) -> list[int]:
    """Return a value at each moment; nothing for a user without an earned account."""
    rows = session.scalars(
        select(value)
        .select_from(edge)
        .join(Account, true())
        .where(Account.owner_id == user_id, Account.kind == AccountKind.EARNED)
        .order_by(edge.c.at)
    )
    return [int(each) for each in rows]


def _balance(edge: TableValuedAlias) -> ColumnElement[int]:
    """Return the earned balance after the last row before a moment, which an index finds."""
    changes = union_all(
        *(
            _last(Transfer.credit_account_id, Transfer.credit_balance_after, kind, edge.c.at)
            for kind in ADDED_TO_EARNED
        ),
        *(
            _last(Transfer.debit_account_id, Transfer.debit_balance_after, kind, edge.c.at)
            for kind in TAKEN_FROM_EARNED
        ),
    ).subquery()
    last = select(changes.c.balance).order_by(changes.c.created_at.desc(), changes.c.id.desc())
    balance = last.limit(1).correlate(edge, Account).scalar_subquery()
    return func.coalesce(balance, 0)


def _last(
    account_id: Any, balance: Any, kind: TransferKind, before: ColumnElement[datetime]
) -> AnySelect:
    return (
        select(Transfer.created_at, Transfer.id, balance.label("balance"))
        .where(account_id == Account.id, Transfer.kind == kind, Transfer.created_at < before)
        .order_by(Transfer.created_at.desc(), Transfer.id.desc())
        .limit(1)
        .correlate_except(Transfer)
        .subquery()
        .select()
    )


def _sum(
    account_id: Any, kinds: Sequence[TransferKind], before: ColumnElement[datetime]
) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(Transfer.amount), 0))
        .where(account_id == Account.id, Transfer.kind.in_(kinds), Transfer.created_at < before)
        .correlate_except(Transfer)
        .scalar_subquery()
    )
