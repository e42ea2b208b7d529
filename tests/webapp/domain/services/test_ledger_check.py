"""The check is proved by breaking what it watches over: a check that never fails proves nothing."""

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from tests import making
from tests.database import at_once
from webapp.domain import pipelines
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import Job
from webapp.domain.models.ledger import Account
from webapp.domain.models.notification import Notification
from webapp.domain.models.payment import Purchase
from webapp.domain.services import generations, ledger, ledger_check, purchases

OUTCOME = {"image_key": "images/1.png", "image_sha256": "a" * 64, "image_size": 1}


def deliver(session, image):
    pipelines.advance_generation(session, image.id, GenerationStatus.PROCESSING)
    generations.complete(session, image.id, "0" * 16, **OUTCOME)
    making.change_job(session, making.job_of(session, image).id, state="done")


def found(session):
    return {finding.partition(":")[0] for finding in making.violations(session)}


def test_honest_work_has_no_violation(committed):
    with committed.begin() as session:
        images = making.order(session, making.user(session), making.style(session), count=4)
        deliver(session, images[0])
        generations.fail(session, images[1].id, "TIMEOUT", "")
        making.change_job(session, making.job_of(session, images[1]).id, state="failed")
        generations.cancel(session, user_id=images[2].user_id, generation_id=images[2].id)

    with committed() as session:
        assert ledger_check.check(session) == []


def test_a_cached_balance_that_drifts_is_found(session):
    person = making.user(session)
    session.execute(update(Account).where(Account.owner_id == person.id).values(balance=7))
    assert found(session) >= {"I2 cached balance equals its transfers"}


def test_an_image_without_a_hold_is_found(session):
    image = making.generation(session)
    session.execute(
        text(
            "INSERT INTO generations (order_id, user_id, style_id, aspect_ratio, width, height,"
            " seed, style_strength, price_tokens, adapter_sha256, license_public_id)"
            " SELECT order_id, user_id, style_id, aspect_ratio, width, height, seed,"
            " style_strength, price_tokens, adapter_sha256, 'L_other' FROM generations"
        )
    )
    assert image.id
    assert found(session) >= {
        "I4 one hold per generation",
        "I6 holds equal payouts, refunds and escrow",
        "I7b every unfinished generation has a live job",
    }


def test_an_outcome_that_the_state_denies_is_found(session):
    image = making.generation(session)
    ledger.refund(session, image)
    assert found(session) == {
        "I5 outcome equals state, per generation",
        "I6 holds equal payouts, refunds and escrow",
    }


def test_a_state_without_its_outcome_is_found(session):
    image = making.generation(session)
    session.execute(update(Generation).where(Generation.id == image.id).values(status="failed"))
    assert "I5 outcome equals state, per generation" in found(session)


def test_a_price_changed_after_the_hold_is_found(session):
    image = making.generation(session)
    session.execute(update(Generation).where(Generation.id == image.id).values(price_tokens=11))
    assert "I4 one hold per generation" in found(session)


def test_a_job_that_never_ends_is_found(session):
    image = making.generation(session)
    overdue = text("clock_timestamp() - interval '2 minutes'")
    session.execute(update(Job).values(deadline_at=overdue))
    assert found(session) == {"I7 nothing unfinished past its deadline"}
    assert image.id


def test_an_image_whose_job_is_lost_is_found(session):
    making.generation(session)
    session.execute(text("DELETE FROM jobs"))
    assert found(session) == {"I7b every unfinished generation has a live job"}


def test_an_ending_told_never_or_twice_is_found(session):
    image = making.generation(session)
    deliver(session, image)
    assert found(session) == set()

    session.execute(text("UPDATE notifications SET dedupe_key = 'first'"))
    session.execute(
        text(
            "INSERT INTO notifications (recipient_id, type, target_type, target_id, dedupe_key)"
            " SELECT recipient_id, type, target_type, target_id, 'second' FROM notifications"
        )
    )
    assert found(session) == {"I10 one notification per finished generation"}
    session.query(Notification).delete()
    assert found(session) == {"I10 one notification per finished generation"}


def test_a_certificate_of_another_image_is_found(session):
    image = making.generation(session)
    deliver(session, image)
    session.execute(text("UPDATE certificates SET image_sha256 = repeat('b', 64)"))
    assert found(session) == {"every delivered image has its certificate"}


def test_a_paid_purchase_without_its_tokens_is_found(session):
    person = making.user(session)
    order = purchases.order_tokens(session, user_id=person.id, package_id="basic_100")
    assert found(session) == set()
    paid = {"status": "paid", "payment_key": "key", "approved_at": text("clock_timestamp()")}
    session.execute(update(Purchase).values(**paid))
    assert found(session) == {"I11 tokens credited equal purchases paid"}
    ledger.credit_purchase(session, order)
    assert found(session) == set()
    session.execute(update(Purchase).values(status="refunded"))
    assert found(session) == {"I11 tokens credited equal purchases paid"}
    ledger.refund_purchase(session, order)
    assert found(session) == set()


def test_the_ledger_takes_no_purchase_twice(session):
    order = purchases.order_tokens(session, user_id=making.user(session).id, package_id="basic_100")
    ledger.credit_purchase(session, order)
    with pytest.raises(IntegrityError), session.begin_nested():
        ledger.credit_purchase(session, order)


def test_every_invariant_has_a_name_that_says_it():
    assert all(name[0] in "IeS" for name in ledger_check.INVARIANTS)
    assert len(ledger_check.INVARIANTS) == 22


# ── negative controls: without a safeguard, the same races must be found ──────────────────────


def settle_in_parallel(sessions, image_id, times=8):
    def settle(outcome):
        def run():
            with sessions.begin() as mine:
                outcome(mine, mine.get(Generation, image_id))

        return run

    return at_once(*[settle(ledger.release), settle(ledger.refund)] * (times // 2))


def test_without_the_unique_outcome_an_image_is_settled_twice_and_the_check_says_so(scratch):
    with scratch.begin() as session:
        image_id = making.generation(session).id
        session.execute(text("DROP INDEX uq_transfers_one_outcome"))

    results = settle_in_parallel(scratch, image_id)

    assert results.count(None) == 2  # once each way: only the keys of a kind still hold
    with scratch() as session:
        violations = ledger_check.check(session)
    names = {violation.invariant for violation in violations}
    assert "I5 outcome equals state, per generation" in names
    assert "I6 holds equal payouts, refunds and escrow" in names
    assert "I1 transfers sum to zero" not in names  # sums to zero is not enough


def test_without_lock_and_compare_and_set_the_same_tokens_are_spent_twice_and_the_check_says_so(
    scratch, monkeypatch
):
    with scratch.begin() as session:
        buyer, style = making.user(session, tokens=100), making.style(session)

    def read_then_write(session, account, amount):
        if account.owner_id is None:
            return None
        found = session.connection().execute(
            text("SELECT balance FROM accounts WHERE id = :id"), {"id": account.id}
        )
        after = found.scalar_one() + amount
        session.execute(text("SELECT pg_sleep(0.05)"))
        session.connection().execute(
            text("UPDATE accounts SET balance = :after WHERE id = :id"),
            {"after": after, "id": account.id},
        )
        return after

    def read(session, user_id, *, lock=False):
        return spendable(session, user_id)

    spendable = ledger.spendable
    monkeypatch.setattr(ledger, "_change", read_then_write)
    monkeypatch.setattr(ledger, "spendable", read)

    def order():
        with scratch.begin() as mine:
            making.order(mine, mine.get(User, buyer.id), style)

    results = at_once(*[order] * 6)

    assert results.count(None) == 6
    with scratch() as session:
        names = {violation.invariant for violation in ledger_check.check(session)}
    assert names == {"I2 cached balance equals its transfers"}


def test_the_check_sees_one_moment_and_may_not_write(committed):
    with committed() as session:
        ledger_check.check(session)
        with pytest.raises(Exception, match="read-only transaction"):
            session.execute(text("UPDATE accounts SET balance = 0"))
