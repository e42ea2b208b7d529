"""Housekeeping: nothing is lost when it stops, nothing is doubled when two run."""

from collections import Counter

import structlog

from celery_config import TaskName
from tasks.on_cpu.step import storage
from tasks.task import task
from webapp.domain import jobs
from webapp.domain.db import unit_of_work
from webapp.domain.services import (
    counters,
    garbage,
    heartbeats,
    idempotency,
    ledger_check,
    styles,
)

log = structlog.get_logger()


@task(TaskName.COLLECT_GARBAGE)
def collect_garbage() -> None:
    """Delete stored objects that no row names and that are older than a day."""
    count = garbage.collect(storage(), unit_of_work)
    log.info("garbage collected", objects=count)


@task(TaskName.CHECK_LEDGER)
def check_ledger() -> None:
    """Prove the ledger; every violation is an error that pages."""
    with unit_of_work() as session:
        violations = ledger_check.check(session)
    for violation in violations:
        log.error("ledger violated", invariant=violation.invariant, finding=violation.finding)
    found = Counter(violation.invariant for violation in violations)
    with unit_of_work() as session:
        heartbeats.beat(
            session, heartbeats.LEDGER, {name: found[name] for name in ledger_check.INVARIANTS}
        )


@task(TaskName.PURGE_EXPIRED)
def purge_expired() -> None:
    """Forget old idempotency keys and end styles whose uploads never came."""
    with unit_of_work() as session:
        keys = idempotency.purge(session)
        ended = styles.expire_unconfirmed(session)
    log.info("purged", idempotency_keys=keys, unconfirmed_styles=ended)


@task(TaskName.SWEEP_JOBS)
def sweep_jobs() -> None:
    """Take back lost jobs and end overdue ones, as the relay does all the time.

    Whatever is found here was left by a relay that stands still.
    """
    with unit_of_work() as session:
        lost = jobs.take_back_expired(session)
        overdue = jobs.end_overdue(session)
    if lost or overdue:
        log.warning("the relay left jobs behind", expired_leases=lost, overdue=overdue)


@task(TaskName.RECOUNT_COUNTERS)
def recount_counters() -> None:
    """Count again what rows say of others, a batch at a time, and put right what is wrong."""
    for counter in counters.COUNTERS:
        after: int | None = 0
        while after is not None:
            with unit_of_work() as session:
                repairs, after = counters.recount(session, counter, after=after)
            for repair in repairs:
                log.warning(
                    "counter was wrong",
                    counter=str(counter),
                    id=repair.id,
                    was=repair.was,
                    now=repair.now,
                )
