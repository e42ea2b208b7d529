"""The ledger: proved and sealed every five minutes, proved in full every night."""

import time
from collections import Counter
from collections.abc import Iterable

import structlog

from celery_config import TaskName
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import heartbeats, ledger_check, ledger_proof, ledger_seals
from webapp.domain.services.ledger_check import Violation

log = structlog.get_logger()
SEALING_SECONDS = 60  # of one run, when many periods are to be sealed
PROVING_SECONDS = 300


@task(TaskName.CHECK_LEDGER)
def check_ledger() -> None:
    """Prove the open period, then seal what is closed; every violation is an error that pages."""
    with unit_of_work() as session:
        violations = ledger_check.check(session)
    _report(violations)
    found = Counter(violation.invariant for violation in violations)
    with unit_of_work() as session:
        heartbeats.beat(
            session, heartbeats.LEDGER, {name: found[name] for name in ledger_check.INVARIANTS}
        )
    if not violations:
        _seal()


def _seal() -> None:
    """Seal closed periods that are proved. The log keeps their hashes outside the database."""
    until = time.monotonic() + SEALING_SECONDS
    while time.monotonic() < until:
        with unit_of_work() as session:
            seal = ledger_seals.seal_next(session)
        if seal is None:
            return
        log.info(
            "ledger sealed",
            seal=seal.id,
            until_transfer=seal.until_id,
            transfers=seal.transfer_count,
            chain_sha256=seal.chain_sha256,
        )


@task(TaskName.PROVE_LEDGER)
def prove_ledger() -> None:
    """Prove sealed periods and all rows again, in pieces; the next run of the night continues."""
    violations, is_complete = ledger_proof.prove_on(unit_of_work, seconds=PROVING_SECONDS)
    _report(violations)
    log.info("ledger proved", complete=is_complete, violations=len(violations))


def _report(violations: Iterable[Violation]) -> None:
    for violation in violations:
        log.error("ledger violated", invariant=violation.invariant, finding=violation.finding)
