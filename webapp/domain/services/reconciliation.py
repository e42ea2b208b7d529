"""Compares purchases with the provider's transactions, both ways; it only reports differences."""

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

# The provider charges before we record it, so its transactions are read from an earlier time on.
LEAD = timedelta(days=1)
CHARGED = frozenset({PurchaseStatus.PAID, PurchaseStatus.REFUNDED})
HEARTBEAT = TaskName.RECONCILE_PAYMENTS.value  # its numbers are the differences of the last run


class Kind(StrEnum):
    """The kinds of differences."""

    UNKNOWN = "unknown"
    NOT_CREDITED = "not_credited"
    OTHER_AMOUNT = "other_amount"
    NOT_TAKEN = "not_taken"
    RETURNED = "returned"
    NOT_RETURNED = "not_returned"


@dataclass(frozen=True)
class Difference:
    """One difference; `amount` is the provider's, or ours if the provider has none."""

    order_id: str
    kind: Kind
    amount: int
    finding: str


@dataclass(frozen=True)
class LastComparison:
    """The time of the last comparison, and (order id, kind, amount) of its differences."""

    at: datetime
    differences: list[tuple[str, Kind, int]]


def compare(
    unit_of_work: UnitOfWork, provider: PaymentProvider, *, since: datetime, until: datetime
) -> list[Difference]:
    """Return every difference between two times; an empty list means that both sides agree."""
    charges: dict[str, Transaction] = {}
    refunds: dict[str, Transaction] = {}
    for transaction in provider.transactions(since - LEAD, until):
        if transaction.status == PaymentStatus.DONE:
            charges[transaction.payment_key] = transaction
        elif transaction.status in {PaymentStatus.CANCELED, PaymentStatus.PARTIAL_CANCELED}:
            refunds[transaction.payment_key] = transaction
    with unit_of_work() as session:
        rows = _purchases(session, since, until, [*charges, *refunds])
    differences = [
        Difference(
            charge.order_id,
            Kind.UNKNOWN,
            charge.amount,
            f"the provider charged {charge.amount}, we have no such payment",
        )
        for key, charge in charges.items()
        if key not in rows
    ]
    for key, row in rows.items():
        differences += _differences(row, charges.get(key), refunds.get(key), since, until)
    return differences


def save_differences(session: Session, differences: Sequence[Difference]) -> None:
    """Store the differences of a comparison for administrators, until the next one."""
    numbers = {f"{each.order_id} {each.kind}": each.amount for each in differences}
    heartbeats.beat(session, HEARTBEAT, numbers)


def last_comparison(session: Session) -> LastComparison | None:
    """Return the last comparison, or None if there was none yet."""
    last = session.get(Heartbeat, HEARTBEAT, populate_existing=True)
    if last is None:
        return None
    entries = []
    for key, amount in sorted(last.numbers.items()):
        order_id, kind = key.rsplit(" ", 1)
        entries.append((order_id, Kind(kind), amount))
    return LastComparison(last.at, entries)


def _purchases(
    session: Session, since: datetime, until: datetime, keys: list[str]
) -> dict[str, AnyRow]:
    """Return the purchases that were paid or refunded in this time on either side, by key."""
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
    charge: Transaction | None,
    refund: Transaction | None,
    since: datetime,
    until: datetime,
) -> list[Difference]:
    differences: list[Difference] = []

    def add(kind: Kind, amount: int, finding: str) -> None:
        differences.append(Difference(row.order_id, kind, amount, finding))

    if charge is not None and row.status not in CHARGED:
        finding = f"the provider charged {charge.amount}, the purchase is {row.status}"
        add(Kind.NOT_CREDITED, charge.amount, finding)
    if charge is not None and (charge.order_id, charge.amount) != (row.order_id, row.total_price):
        finding = f"the provider charged {charge.amount} for the order {charge.order_id}"
        add(Kind.OTHER_AMOUNT, charge.amount, finding)
    if charge is None and row.approved_at is not None and since <= row.approved_at <= until:
        finding = f"the purchase is {row.status}, the provider charged nothing"
        add(Kind.NOT_TAKEN, row.total_price, finding)
    if refund is not None and row.status == PurchaseStatus.PAID:
        finding = "the provider refunded the payment, the purchase is paid"
        add(Kind.RETURNED, refund.amount, finding)
    if refund is None and row.refunded_at is not None and since <= row.refunded_at <= until:
        finding = "the purchase is refunded, the provider refunded nothing"
        add(Kind.NOT_RETURNED, row.total_price, finding)
    return differences
