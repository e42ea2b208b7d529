"""Sealed periods: what seals them, and how each way of changing them is found."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from tests import making
from tests.sealing import age, seal_all, tamper
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.ledger_seal import LedgerSeal, SealedBalance
from webapp.domain.services import generations, ledger_check, ledger_proof, ledger_seals
from webapp.domain.services.ledger_seals import ALTERED

TWO_DAYS = timedelta(days=2)


@pytest.fixture
def books(scratch, monkeypatch):
    """Eight transfers of two days ago, one image among them refunded, sealed four by four."""
    monkeypatch.setattr(ledger_seals, "SEAL_ROWS", 4)
    with scratch.begin() as session:
        images = making.order(session, making.user(session), making.style(session), count=4)
        generations.fail(session, images[0].id, "TIMEOUT", "")
        making.change_job(session, making.job_of(session, images[0]).id, state="failed")
        making.user(session)
    age(scratch, TWO_DAYS)
    assert [seal.transfer_count for seal in seal_all(scratch)] == [4, 4]
    return scratch


def found(books):
    """What the check of every five minutes finds, and what the full proof finds besides."""
    with books() as session:
        open_period = {each.invariant for each in ledger_check.check(session)}
    full = {each.invariant for piece in ledger_proof.prove(books.begin) for each in piece}
    return open_period, full


def test_honest_books_are_proved(books):
    assert found(books) == (set(), set())


def test_the_open_period_is_what_came_after_the_last_seal(books):
    with books.begin() as session:
        making.user(session)
        sealed_id = ledger_seals.open_period(session).sealed_id
        newer = session.scalars(select(Transfer.id).where(Transfer.id > sealed_id)).all()
    assert len(newer) == 1
    assert found(books) == (set(), set())


def test_sealed_balances_are_those_of_the_accounts(books):
    with books() as session:
        drifted = session.scalars(
            text("""SELECT id FROM accounts LEFT JOIN ledger_sealed_balances AS sealed
                    ON account_id = id WHERE accounts.balance <> coalesce(sealed.balance, 0)""")
        )
        assert drifted.all() == []
        assert sum(session.scalars(select(SealedBalance.balance))) == 0


def test_a_balance_that_drifts_is_found_at_once_after_a_seal_too(books):
    tamper(books, "UPDATE accounts SET balance = balance + 1 WHERE kind = 'spendable'")
    open_period, _ = found(books)
    assert open_period == {"I2 cached balance equals its transfers"}


def test_an_image_without_its_outcome_is_found_at_once_after_a_seal_too(books):
    tamper(books, "UPDATE generations SET status = 'queued' WHERE status = 'failed'")
    open_period, _ = found(books)
    assert open_period >= {
        "I5 outcome equals state, per generation",
        "I6 holds equal payouts, refunds and escrow",
    }


# ── negative controls: each change of a sealed period, by somebody with all rights ────────────

FIRST = "(SELECT min(id) FROM transfers WHERE kind = 'bonus')"
CHANGED = f"UPDATE transfers SET amount = amount + 5 WHERE id = {FIRST}"
OWNER = f"(SELECT credit_account_id FROM transfers WHERE id = {FIRST})"
ADDED = """
    INSERT INTO transfers (id, debit_account_id, credit_account_id, amount, kind, idempotency_key)
    SELECT 0, debit_account_id, credit_account_id, 5, 'grant', 'grant:unseen'
    FROM transfers WHERE kind = 'bonus' LIMIT 1"""


@pytest.mark.parametrize(
    "statement",
    [CHANGED, f"DELETE FROM transfers WHERE id = {FIRST}", ADDED],
    ids=["changed amount", "deleted row", "added row"],
)
def test_a_changed_sealed_period_is_found_by_the_full_proof(books, statement):
    tamper(books, statement)
    open_period, full = found(books)
    assert open_period == set()
    assert full == {ALTERED, "I2 cached balance equals its transfers"}


def test_a_change_that_all_balances_agree_with_is_found_by_its_hash(books):
    raise_by_five = "SET balance = balance + 5 WHERE"
    tamper(
        books,
        CHANGED,
        f"UPDATE accounts {raise_by_five} id = {OWNER}",
        f"UPDATE ledger_sealed_balances {raise_by_five} account_id = {OWNER}",
        "UPDATE ledger_sealed_balances SET balance = balance - 5 WHERE account_id ="
        f" (SELECT debit_account_id FROM transfers WHERE id = {FIRST})",
    )
    assert found(books) == (set(), {ALTERED})


def test_a_seal_that_was_changed_with_its_rows_breaks_the_chain_of_the_next(books):
    tamper(books, f"UPDATE transfers SET idempotency_key = 'other' WHERE id = {FIRST}")
    with books.begin() as session:
        seals = session.scalars(select(LedgerSeal).order_by(LedgerSeal.id)).all()
        values = {"after_id": seals[0].after_id, "until_id": seals[0].until_id}
        content = session.execute(
            text(ledger_seals._CONTENT), values | {"chain": ledger_seals.NO_CHAIN}
        ).one()
    forged = "UPDATE ledger_seals SET chain_sha256 = :chain WHERE until_id = :until_id"
    tamper(books, forged, chain=content.chain_sha256, until_id=seals[0].until_id)
    pieces = [each for piece in ledger_proof.prove(books.begin) for each in piece]
    assert {each.finding.split()[1] for each in pieces} == {str(seals[1].id)}


def test_a_seal_that_is_missing_breaks_the_chain(books):
    tamper(books, "DELETE FROM ledger_seals WHERE after_id < 0")
    assert ALTERED in found(books)[1]


# ── what may be sealed ────────────────────────────────────────────────────────────────────────


def test_seals_cannot_be_changed_by_the_application(books):
    with books() as session, pytest.raises(Exception, match="ledger_seals rows are append-only"):
        session.execute(text("UPDATE ledger_seals SET sums = '{}'"))


def test_a_few_transfers_wait_until_they_are_a_day_old_and_new_ones_an_hour(scratch, monkeypatch):
    monkeypatch.setattr(ledger_seals, "SEAL_ROWS", 2)
    with scratch.begin() as session:
        making.user(session)
    assert seal_all(scratch) == []
    age(scratch, timedelta(hours=23))
    assert seal_all(scratch) == []
    with scratch.begin() as session:
        making.user(session)
    assert seal_all(scratch) == []  # two, but one of them is new
    age(scratch, timedelta(hours=2))
    assert len(seal_all(scratch)) == 1


def test_nothing_younger_than_an_open_transaction_is_sealed(scratch):
    """It may hold a lower id that nobody sees yet."""
    with scratch() as late:
        late.execute(text("SELECT 1"))
        with scratch.begin() as session:
            making.user(session)
        tamper(
            scratch,
            "UPDATE transfers SET created_at = created_at - interval '2 days'",
            "UPDATE transfers SET created_at = clock_timestamp()",
        )
        assert seal_all(scratch) == []
