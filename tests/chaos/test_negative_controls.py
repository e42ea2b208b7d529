"""A check that cannot fail proves nothing: without its guards the product must be found out."""

import hashlib

import pytest
from sqlalchemy import select, text, update

from celery_config import TaskName
from tests import making
from tests.processes import PYTHON, Process
from webapp.domain import jobs, pipelines
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobState
from webapp.domain.services import ledger_check, stamping

IMAGE = {
    "image_key": "images/a.png",
    "preview_key": "previews/a.webp",
    "thumbnail_key": "thumbnails/a.webp",
    "image_sha256": hashlib.sha256(b"an image").hexdigest(),
    "image_size": 8,
    "perceptual_hash": "0" * 16,
}


@pytest.mark.long
def test_without_the_sweep_an_order_of_a_dead_worker_is_stuck_and_the_check_says_so(fast, market):
    fast.wait_until_quiet()
    fast.relay.stop()
    careless = Process(
        "careless", [PYTHON, "-m", "tests.chaos.relay_without_sweep"], fast.environment, fast.folder
    )
    careless.start()
    try:
        with fast.gpu.dies_at("after_claim"):
            [stuck] = market.order()
        fast.expire_leases()
        [delivered] = market.order()
        market.buyers[0].final(delivered)
        assert market.buyers[0].get(f"/generations/{stuck}")["status"] == "processing"
        assert fast.violations() == []
        fast.execute(
            "UPDATE jobs SET deadline_at = clock_timestamp() - interval '2 minutes'"
            " WHERE state = 'running'"
        )
        assert [found.split()[0] for found in fast.violations()] == ["I7"]
    finally:
        careless.stop()
        fast.relay.start()
    fast.wait_until_quiet()
    assert market.statuses() == {"completed": 1, "failed": 1}
    assert market.buyers[0].get(f"/generations/{stuck}")["refunded"] is True
    assert fast.violations() == []


def stamped_job(scratch) -> int:
    """A generation whose delivery waits; return its job."""
    with scratch.begin() as session:
        made = making.generation(session)
        job = making.job_of(session, made)
        lease = jobs.claim(session, job.id, TaskName.RENDER_IMAGES, 60)
        pipelines.advance_generation(session, made.id, "processing")
        jobs.queue_next_step(session, lease)
        lease = jobs.claim(session, job.id, TaskName.STAMP_SIGNATURE, 60)
        jobs.queue_next_step(session, lease, image=IMAGE)
        return job.id


def deliver_twice(scratch, job_id: int) -> list[str]:
    """Deliver twice, as for a duplicate message; return the violated invariants."""
    for _ in range(2):
        with scratch.begin() as session:
            stamping.deliver(session, job_id)
    with scratch.begin() as session:
        return [violation.invariant for violation in ledger_check.check(session)]


def test_with_all_guards_a_duplicate_message_pays_once(scratch):
    assert deliver_twice(scratch, stamped_job(scratch)) == []


@pytest.fixture
def careless(scratch, monkeypatch):
    """Code that moves states without comparing, on tables without the unique indexes."""

    def advance(session, generation_id, to, **values):
        return session.execute(
            update(Generation)
            .where(Generation.id == generation_id)
            .values(status=to, **values)
            .returning(Generation)
        ).scalar_one()

    def finish(session, job_id, _step, _state):
        done = update(Job).where(Job.id == job_id).values(state=JobState.DONE)
        session.execute(done)
        return True

    monkeypatch.setattr(pipelines, "advance_generation", advance)
    monkeypatch.setattr(jobs, "finish_waiting", finish)
    with scratch.begin() as session:
        for statement in (
            "DROP INDEX uq_transfers_one_outcome",
            "ALTER TABLE transfers DROP CONSTRAINT uq_transfers_idempotency_key",
            "ALTER TABLE certificates DROP CONSTRAINT uq_certificates_generation_id",
            "ALTER TABLE certificates DROP CONSTRAINT uq_certificates_public_id",
        ):
            session.execute(text(statement))
    return scratch


def test_without_compare_and_set_and_unique_index_the_artist_is_paid_twice_and_the_check_says_so(
    scratch, careless
):
    job_id = stamped_job(scratch)
    violations = deliver_twice(careless, job_id)
    assert "I5 outcome equals state, per generation" in violations
    assert "I6 holds equal payouts, refunds and escrow" in violations
    assert "I1 transfers sum to zero" not in violations, "the sum alone would have seen nothing"


def test_the_unique_index_alone_stops_a_second_payout(scratch, careless):
    from sqlalchemy.exc import IntegrityError

    with scratch.begin() as session:
        session.execute(
            text(
                "CREATE UNIQUE INDEX uq_transfers_one_outcome ON transfers (generation_id)"
                " WHERE kind IN ('payout', 'refund')"
            )
        )
    job_id = stamped_job(scratch)
    with pytest.raises(IntegrityError, match="uq_transfers_one_outcome"):
        deliver_twice(careless, job_id)
    with scratch.begin() as session:
        assert ledger_check.check(session) == []
        assert session.scalar(select(Generation.status)) == "completed"
