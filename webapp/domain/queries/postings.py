"""One side of the transfers of a user, which statements, transactions and the ledger share."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, String, func, select, true
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute

from webapp.domain.models.ledger import Account, Transfer, TransferKind
from webapp.domain.queries.pagination import AnySelect, Keyset, PageRequest

Side = InstrumentedAttribute[int]  # the column of the account that is credited or debited


def within(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions on the time: from `since` on, before `until`; None for no limit."""
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(Transfer.created_at >= since)
    if until is not None:
        conditions.append(Transfer.created_at < until)
    return conditions


def on_side(
    side: Side,
    *,
    user_id: int,
    kinds: Sequence[TransferKind],
    conditions: Sequence[ColumnElement[bool]],
    keyset: Keyset,
    page: PageRequest,
) -> AnySelect:
    """Select id and time of transfers on one side of a user: one page of each account and kind.

    Each page is one range of an index, so a rare kind among many transfers is as fast.
    """
    listed = func.unnest(array([kind.value for kind in kinds], type_=String))
    kind = listed.table_valued("kind", name="listed").render_derived()
    of_kind = select(Transfer.id, Transfer.created_at).where(
        side == Account.id, Transfer.kind == kind.c.kind, *conditions
    )
    page_of_kind = keyset.apply(of_kind, page).lateral("page_of_kind")
    return (
        select(page_of_kind.c.id, page_of_kind.c.created_at)
        .select_from(Account)
        .join(kind, true())
        .join(page_of_kind, true())
        .where(Account.owner_id == user_id)
    )
