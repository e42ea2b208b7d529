"""Compare our books with the provider's, both ways. Differences are named, never healed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.payments import PaymentProvider, PaymentStatus, Transaction
from webapp.domain.models.heartbeat import Heartbeat
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.services import heartbeats

# Money moves at the provider before we write it down: its books are read from earlier on.
LEAD = timedelta(days=1)
TAKEN = frozenset({PurchaseStatus.PAID, PurchaseStatus.REFUNDED})
HEARTBEAT = TaskName.RECONCILE_PAYMENTS.value  # what was found last is kept with it


class Kind(StrEnum):
    """In what the two sides differ."""

    UNKNOWN = "unknown"
    NOT_CREDITED = "not_credited"
    OTHER_AMOUNT = "other_amount"
    NOT_TAKEN = "not_taken"
    RETURNED = "returned"
    NOT_RETURNED = "not_returned"


@dataclass(frozen=True)
class Difference:
    """One thing on which the two sides do not agree; `amount` is the provider's, or else ours."""

    order_id: str
    kind: Kind
    amount: int
    finding: str


@dataclass(frozen=True)
class LastComparison:
    """When both sides were compared last, and the kind and amount of what was found by order."""

    at: datetime
    differences: list[tuple[str, Kind, int]]


def compare(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, since: datetime, until: datetime
) -> list[Difference]:
    """Return every difference between two times; an empty list means that both sides agree."""
    taken: dict[str, Transaction] = {}
    returned: dict[str, Transaction] = {}
    for line in provider.transactions(since - LEAD, until):
        if line.status == PaymentStatus.DONE:
            taken[line.payment_key] = line
        elif line.status in {PaymentStatus.CANCELED, PaymentStatus.PARTIAL_CANCELED}:
            returned[line.payment_key] = line
    with unit_of_work() as session:
        ours = _ours(session, since, until, [*taken, *returned])
    found = [
        Difference(
            line.order_id,
            Kind.UNKNOWN,
            line.amount,
            f"the provider took {line.amount}, we know of no such payment",
        )
        for key, line in taken.items()
        if key not in ours
    ]
    for key, row in ours.items():
        found += _differences(row, taken.get(key), returned.get(key), since, until)
    return found


def save_differences(session: Session, found: Sequence[Difference]) -> None:
    """Keep what a comparison found until the next one, for administrators."""
    numbers = {f"{each.order_id} {each.kind}": each.amount for each in found}
    heartbeats.beat(session, HEARTBEAT, numbers)


def last_comparison(session: Session) -> LastComparison | None:
    """Return what the last comparison found, or None when there was none yet."""
    last = session.get(Heartbeat, HEARTBEAT, populate_existing=True)
    if last is None:
        return None
    named = [(*key.rsplit(" ", 1), amount) for key, amount in sorted(last.numbers.items())]
    return LastComparison(
        last.at, [(order_id, Kind(kind), amount) for order_id, kind, amount in named]
    )


def _ours(session: Session, since: datetime, until: datetime, keys: list[str]) -> dict[str, AnyRow]:
    """Return the purchases that moved money in this time, here or there, by payment key."""
    rows = session.execute(
        select(
            Purchase.order_id,
            Purchase.payment_key,
            Purchase.status,
            Purchase.total_price,
            Purchase.approved_at,
            Purchase.refunded_at,
        ).where(
            or_(
                Purchase.approved_at.between(since, until),
                Purchase.refunded_at.between(since, until),
                Purchase.payment_key.in_(keys),
            )
        )
    )
    return {row.payment_key: row for row in rows}


def _differences(
    row: AnyRow,
    taken: Transaction | None,
    returned: Transaction | None,
    since: datetime,
    until: datetime,
) -> list[Difference]:
    found: list[Difference] = []

    def differ(kind: Kind, amount: int, finding: str) -> None:
        found.append(Difference(row.order_id, kind, amount, finding))

    if taken is not None and row.status not in TAKEN:
        finding = f"the provider took {taken.amount}, here it is {row.status}"
        differ(Kind.NOT_CREDITED, taken.amount, finding)
    if taken is not None and (taken.order_id, taken.amount) != (row.order_id, row.total_price):
        finding = f"the provider took {taken.amount} for the order {taken.order_id}"
        differ(Kind.OTHER_AMOUNT, taken.amount, finding)
    if taken is None and row.approved_at is not None and since <= row.approved_at <= until:
        finding = f"here it is {row.status}, the provider took nothing"
        differ(Kind.NOT_TAKEN, row.total_price, finding)
    if returned is not None and row.status == PurchaseStatus.PAID:
        finding = "the provider gave money back, here it is paid"
        differ(Kind.RETURNED, returned.amount, finding)
    if returned is None and row.refunded_at is not None and since <= row.refunded_at <= until:
        finding = "here it is refunded, the provider gave nothing back"
        differ(Kind.NOT_RETURNED, row.total_price, finding)
    return found
