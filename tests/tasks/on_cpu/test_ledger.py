from datetime import timedelta

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from tasks.on_cpu import ledger
from tasks.on_cpu.ledger import check_ledger, prove_ledger
from tests import making, sealing
from webapp.domain.models.heartbeat import Heartbeat
from webapp.domain.models.ledger_seal import LedgerSeal
from webapp.domain.models.task_cursor import TaskCursor
from webapp.domain.services import heartbeats, task_cursors
from webapp.domain.services.ledger_check import INVARIANTS
from webapp.domain.services.ledger_seals import ALTERED


def test_a_violated_ledger_is_an_error_that_pages(committed):
    with committed.begin() as session:
        making.user(session)
        session.execute(text("UPDATE accounts SET balance = 1 WHERE kind = 'spendable'"))
    with capture_logs() as logs:
        check_ledger()
    [violation] = [line for line in logs if line["log_level"] == "error"]
    assert violation["invariant"] == "I2 cached balance equals its transfers"


def test_a_proved_ledger_is_no_news(committed):
    with committed.begin() as session:
        making.generation(session)
    with capture_logs() as logs:
        check_ledger()
    assert {line["log_level"] for line in logs} == {"info"}


def test_the_check_of_the_ledger_leaves_what_it_found(committed):
    with committed.begin() as session:
        making.user(session)
    check_ledger()
    with committed.begin() as session:
        counts = session.get(Heartbeat, heartbeats.LEDGER).numbers
        assert set(counts) == set(INVARIANTS)
        assert set(counts.values()) == {0}
        session.execute(text("UPDATE accounts SET balance = 1 WHERE kind = 'spendable'"))
    check_ledger()
    with committed() as session:
        counts = session.get(Heartbeat, heartbeats.LEDGER).numbers
        assert counts["I2 cached balance equals its transfers"] == 1


def counts(committed, name):
    with committed() as session:
        found = session.get(Heartbeat, name)
        return found and found.numbers


@pytest.fixture
def old_transfers(committed):
    """Five transfers of two days ago."""
    with committed.begin() as session:
        for _ in range(5):
            making.user(session)
    sealing.age(committed, timedelta(days=2))


def test_what_is_proved_is_sealed_and_the_log_has_its_hash(committed, old_transfers):
    with capture_logs() as logs:
        check_ledger()
        check_ledger()
    [sealed] = [line for line in logs if line["event"] == "ledger sealed"]
    with committed() as session:
        seal = session.scalars(select(LedgerSeal)).one()
    assert (sealed["chain_sha256"], sealed["transfers"]) == (seal.chain_sha256, 5)


def test_what_is_not_proved_is_not_sealed(committed, old_transfers):
    with committed.begin() as session:
        session.execute(text("UPDATE accounts SET balance = balance + 1 WHERE kind = 'earned'"))
    check_ledger()
    with committed() as session:
        assert session.scalars(select(LedgerSeal)).all() == []


def test_a_night_s_proof_goes_on_where_it_ended_and_happens_once(committed, monkeypatch):
    with committed.begin() as session:
        making.generation(session)
    monkeypatch.setattr(ledger, "PROVING_SECONDS", 0)  # one piece
    runs = 0
    while counts(committed, heartbeats.FULL_PROOF) is None:
        prove_ledger()
        runs += 1
        with committed() as session:
            position = session.scalar(select(TaskCursor.position))
        is_complete = position == task_cursors.COMPLETE
        assert is_complete == (counts(committed, heartbeats.FULL_PROOF) is not None)
    assert runs > 7  # pieces: one of seals, and one at least for each table
    with capture_logs() as logs:
        prove_ledger()
    assert [line["complete"] for line in logs if "complete" in line] == [True]


def test_a_changed_sealed_transfer_is_an_error_that_pages_the_same_night(committed, old_transfers):
    check_ledger()
    sealing.tamper(committed, "UPDATE transfers SET idempotency_key = 'another' WHERE id % 5 = 0")
    with capture_logs() as logs:
        check_ledger()
        prove_ledger()
    [error] = [line for line in logs if line["log_level"] == "error"]
    assert error["invariant"] == ALTERED
    assert counts(committed, heartbeats.FULL_PROOF)[ALTERED] == 1
    assert counts(committed, heartbeats.LEDGER)["I1 transfers sum to zero"] == 0
