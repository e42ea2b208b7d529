"""Count what an administrator has to look at, in one statement that only reads indexes."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select
from sqlalchemy.orm import Session

from webapp.domain.models.heartbeat import Heartbeat
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.payment import Purchase
from webapp.domain.models.payout import PayoutRequest
from webapp.domain.models.report import Report
from webapp.domain.queries import cases as case_queries, purchases as purchase_queries
from webapp.domain.services import (
    heartbeats,
    payouts,
    reconciliation,
    refund_requests,
    stuck_jobs,
)


@dataclass(frozen=True, slots=True)
class Attention:
    """Open cases, requests of payouts and refunds, payments to check, overdue jobs, and errors."""

    cases: int
    payouts: int
    refunds: int
    payments: int
    overdue_jobs: int
    ledger_errors: int


def counts(session: Session) -> Attention:
    """Count cases, requests, payments and their differences, jobs, and ledger errors."""
    is_overdue = or_(*(stuck_jobs.is_overdue(each) for each in (JobState.QUEUED, JobState.RUNNING)))
    row = session.execute(
        select(
            _count(Report, case_queries.IS_OPEN, case_queries.is_first()).label("cases"),
            _count(PayoutRequest, payouts.is_open()).label("payouts"),
            _count(Purchase, refund_requests.is_open()).label("refunds"),
            _count(Purchase, purchase_queries.is_open()).label("payments"),
            _count(Job, is_overdue).label("overdue_jobs"),
            _numbers(heartbeats.LEDGER).label("violations"),
            _numbers(reconciliation.HEARTBEAT).label("differences"),
        )
    ).one()
    return Attention(
        cases=row.cases,
        payouts=row.payouts,
        refunds=row.refunds,
        payments=row.payments + len(row.differences or {}),
        overdue_jobs=row.overdue_jobs,
        ledger_errors=sum((row.violations or {}).values()),
    )


def _count(
    model: type[Report | PayoutRequest | Purchase | Job], *conditions: ColumnElement[bool]
) -> ScalarSelect[int]:
    return select(func.count()).select_from(model).where(*conditions).scalar_subquery()


def _numbers(heartbeat: str) -> ScalarSelect[dict[str, int]]:
    return select(Heartbeat.numbers).where(Heartbeat.name == heartbeat).scalar_subquery()
