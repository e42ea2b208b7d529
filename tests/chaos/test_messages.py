"""Duplicate and late messages, workers that return after their lease: no second effect."""

import hashlib
import io
import signal
from contextlib import contextmanager

import pytest

from tasks.messages import (
    ClaimedGeneration,
    RenderFailure,
    RenderProgress,
    RenderProgressBody,
    RenderResult,
)
from tasks.worker_api import WorkerApi, WorkerSettings
from tests.chaos.doubling import Doubler
from tests.chaos.invariants import broken
from tests.chaos.pretending import picture
from tests.waiting import wait_for


@pytest.mark.long
def test_duplicates_of_a_third_of_all_messages_change_nothing(fast, market):
    with Doubler(fast, share=0.3, seed=2) as doubler:
        market.orders(20)
        fast.wait_until_quiet()
    assert doubler.copies > 0
    assert market.statuses() == {"completed": 20}
    assert broken(fast, market.accepted) == []


@contextmanager
def asleep(process):
    """Stop a process with SIGSTOP and continue it after the block."""
    process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)


@pytest.fixture
def api(fast):
    made = WorkerApi(
        ClaimedGeneration,
        WorkerSettings(
            internal_api_url=fast.site, internal_api_token=fast.environment["INTERNAL_API_TOKEN"]
        ),
    )
    yield made
    made._site.close()
    made._storage.close()


def progress(job, percent=50):
    body = RenderProgressBody(current_step=1, total_steps=2, progress_percent=percent)
    generation_id = job.payload.generation_id
    return RenderProgress(generation_id=generation_id, fence=job.fence, progress=body)


def failure(job):
    generation_id = job.payload.generation_id
    return RenderFailure(generation_id=generation_id, fence=job.fence, error_code="INTERNAL_ERROR")


def result(api, job):
    """Upload what this claim may upload and return the report of it."""
    order = job.payload
    file = io.BytesIO()
    picture(order.width, order.height).save(file, "PNG")
    api.upload(job.upload["image"], file.getvalue())
    return RenderResult(
        generation_id=order.generation_id,
        fence=job.fence,
        result_key=job.upload["image"].key,
        sha256=hashlib.sha256(file.getvalue()).hexdigest(),
        seed=order.seed,
        width=order.width,
        height=order.height,
        adapter_sha256=order.adapter_sha256,
    )


def claimed(stack, api, job_id=None):
    """The oldest job, or a named one, with a lease that the rest of a test does not outlast."""
    [job] = wait_for(lambda: api.claim(job_id=job_id), "a job to claim")
    longer = "UPDATE jobs SET lease_until = lease_until + interval '5 minutes' WHERE id = :id"
    stack.execute(longer, id=job.job_id)
    return job


def test_every_report_with_a_stale_fence_is_answered_so_and_changes_nothing(fast, market, api):
    fast.wait_until_quiet()
    with asleep(fast.gpu):
        [ordered] = market.order()
        lost = claimed(fast, api)
        assert api.progress(progress(lost)).applied
        fast.expire_leases()
        job = wait_for(lambda: claimed(fast, api), "the lost job to be claimable")
        assert job.job_id == lost.job_id
        assert job.fence > lost.fence

        stale = [api.progress(progress(lost, 90)), api.fail(failure(lost))]
        stale.append(api.complete(result(api, lost)))
        assert [(answer.applied, answer.reason) for answer in stale] == [
            (False, "stale_attempt")
        ] * 3

        done = result(api, job)
        assert api.complete(done).applied
        again = api.complete(done)
        assert (again.applied, again.reason) in {(False, "duplicate"), (False, "terminal")}
    fast.wait_until_quiet()
    for late in (lost, job):
        answers = [api.progress(progress(late)), api.fail(failure(late)), api.complete(done)]
        assert [(answer.applied, answer.reason) for answer in answers] == [(False, "terminal")] * 3
    assert market.statuses() == {"completed": 1}
    assert fast.storage.head(lost.upload["image"].key) is not None
    assert broken(fast, market.accepted) == []
    assert fast.storage.head(lost.upload["image"].key) is None, "garbage is collected"
    assert (
        fast.value(
            "SELECT count(*) FROM notifications WHERE target_id = :id"
            " AND target_type = 'generation'",
            id=ordered,
        )
        == 1
    )


def test_a_worker_that_continues_after_its_lease_changes_nothing(fast, market, api):
    fast.wait_until_quiet()
    with asleep(fast.stamper):
        [ordered] = market.order()
        wait_for(
            lambda: (
                fast.value(
                    "SELECT step FROM jobs WHERE ref = :id AND kind = 'generation'", id=ordered
                )
                == "stamp_signature"
            ),
            "the raw image",
            seconds=60,
            explain=fast.tails,
        )
    wait_for(
        lambda: (
            fast.value("SELECT fence FROM jobs WHERE ref = :id AND kind = 'generation'", id=ordered)
            >= 2
        ),
        "the stamper to begin",
    )
    with asleep(fast.stamper):
        fast.expire_leases()
        wait_for(
            lambda: fast.value("SELECT count(*) FROM jobs WHERE state = 'running'") == 0,
            "the lease to be gone",
        )
    fast.wait_until_quiet()
    assert market.statuses() == {"completed": 1}
    assert broken(fast, market.accepted) == []
