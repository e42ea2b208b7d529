"""Compare our books with the provider's, both ways. Differences are named, never healed here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.payments import PaymentProvider, PaymentStatus, Transaction
from webapp.domain.models.payment import Purchase, PurchaseStatus
from webapp.domain.pagination import AnyRow

# Money moves at the provider before we write it down: its books are read from earlier on.
LEAD = timedelta(days=1)
TAKEN = frozenset({PurchaseStatus.PAID, PurchaseStatus.REFUNDED})


@dataclass(frozen=True)
class Difference:
    """One thing on which the two sides do not agree."""

    order_id: str
    finding: str


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
        Difference(line.order_id, f"the provider took {line.amount}, we know of no such payment")
        for key, line in taken.items()
        if key not in ours
    ]
    for key, row in ours.items():
        found += _differences(row, taken.get(key), returned.get(key), since, until)
    return found


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
    findings = []
    if taken is not None and row.status not in TAKEN:
        findings.append(f"the provider took {taken.amount}, here it is {row.status}")
    if taken is not None and (taken.order_id, taken.amount) != (row.order_id, row.total_price):
        findings.append(f"the provider took {taken.amount} for the order {taken.order_id}")
    if taken is None and row.approved_at is not None and since <= row.approved_at <= until:
        findings.append(f"here it is {row.status}, the provider took nothing")
    if returned is not None and row.status == PurchaseStatus.PAID:
        findings.append("the provider gave money back, here it is paid")
    if returned is None and row.refunded_at is not None and since <= row.refunded_at <= until:
        findings.append("here it is refunded, the provider gave nothing back")
    return [Difference(row.order_id, finding) for finding in findings]
