"""What waits for an administrator, in numbers: one statement, read from the ends of indexes."""

from dataclasses import dataclass

from sqlalchemy import ScalarSelect, func, or_, select
from sqlalchemy.orm import Session

from webapp.domain.models.heartbeat import Heartbeat
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.payment import Purchase
from webapp.domain.models.report import Report
from webapp.domain.queries import cases as case_queries
from webapp.domain.queries import purchases as purchase_queries
from webapp.domain.services import heartbeats, reconciliation, stuck_jobs


@dataclass(frozen=True)
class Attention:
    """How many of each wait."""

    cases: int
    payments: int
    work: int
    violations: int


def wanted(session: Session) -> Attention:
    """Count what waits: cases, payments without an end or that differ, late jobs, broken books."""
    row = session.execute(
        select(
            select(func.count())
            .select_from(Report)
            .where(case_queries.IS_OPEN, case_queries.is_first())
            .scalar_subquery()
            .label("cases"),
            select(func.count())
            .select_from(Purchase)
            .where(purchase_queries.is_open())
            .scalar_subquery()
            .label("payments"),
            select(func.count())
            .select_from(Job)
            .where(
                or_(*(stuck_jobs.is_overdue(each) for each in (JobState.QUEUED, JobState.RUNNING)))
            )
            .scalar_subquery()
            .label("work"),
            _found(heartbeats.LEDGER).label("ledger"),
            _found(reconciliation.HEARTBEAT).label("differences"),
        )
    ).one()
    return Attention(
        cases=row.cases,
        payments=row.payments + len(row.differences or {}),
        work=row.work,
        violations=sum((row.ledger or {}).values()),
    )


def _found(name: str) -> ScalarSelect[dict[str, int]]:
    return select(Heartbeat.numbers).where(Heartbeat.name == name).scalar_subquery()
