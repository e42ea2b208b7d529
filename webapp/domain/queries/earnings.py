"""What an artist earned with styles, over time."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, DateTime, func, select, true, union_all
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.queries.pagination import AnySelect

ADDED_TO_EARNED = (TransferKind.PAYOUT, TransferKind.CONVERSION_BACK, TransferKind.COVER)
TAKEN_FROM_EARNED = (TransferKind.REVERSAL, TransferKind.CONVERSION)


def between(session: Session, user_id: int, moments: Sequence[datetime]) -> list[int]:
    """Return the tokens that a user earned with styles between consecutive, ascending moments.

    A reversal by an administrator counts as negative at its own time, less what the platform paid
    of it. Only the conversions are summed: each other row stores the earned balance after it, and
    an index finds the last row before a moment.
    """
    edges = func.unnest(array(moments, type_=DateTime(timezone=True)))
    edge = edges.table_valued("at", name="edge").render_derived()
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
    converted = _sum(Transfer.debit_account_id, TransferKind.CONVERSION, edge.c.at)
    converted_back = _sum(Transfer.credit_account_id, TransferKind.CONVERSION_BACK, edge.c.at)
    rows = session.scalars(
        select(func.coalesce(balance, 0) + converted - converted_back)
        .select_from(edge)
        .join(Account, true())
        .where(Account.owner_id == user_id, Account.kind == AccountKind.EARNED)
        .order_by(edge.c.at)
    ).all()
    balances = rows or [0] * len(moments)
    return [int(after - before) for before, after in pairwise(balances)]


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


def _sum(account_id: Any, kind: TransferKind, before: ColumnElement[datetime]) -> Any:
    return (
        select(func.coalesce(func.sum(Transfer.amount), 0))
        .where(account_id == Account.id, Transfer.kind == kind, Transfer.created_at < before)
        .correlate_except(Transfer)
        .scalar_subquery()
    )
