"""A message whose claim fails: retried while the API is unreachable, then left to the relay."""

import pytest
from celery.exceptions import Ignore, Retry
from tenacity import wait_none

from tasks.on_gpu import consume
from tasks.outcomes import JobFailure, Outcome
from tasks.worker_errors import ClaimError


@pytest.fixture
def run_job(monkeypatch):
    """A run that raises `errors` one after the other; `job_ids` are those it was called with."""
    monkeypatch.setattr(consume._run_with_backoff.retry, "wait", wait_none())

    def run(*, job_id):
        run.job_ids.append(job_id)
        if run.errors:
            raise run.errors.pop(0)
        return {job_id: run.outcome}

    run.job_ids, run.errors, run.outcome = [], [], Outcome.DONE
    return run


def test_a_claim_is_retried_while_the_api_answers_503(run_job):
    run_job.errors = [ClaimError("503", is_transient=True)] * 2
    consume.consume(run_job, 7)
    assert run_job.job_ids == [7, 7, 7]


def test_a_job_stays_queued_when_the_api_stays_unreachable(run_job, monkeypatch):
    stop = lambda state: state.attempt_number >= 2  # noqa: E731 - a callback of tenacity
    monkeypatch.setattr(consume._run_with_backoff.retry, "stop", stop)
    run_job.errors = [ClaimError("503", is_transient=True)] * 5
    with pytest.raises(Retry):
        consume.consume(run_job, 7)
    assert run_job.job_ids == [7, 7]


def test_a_claim_that_is_refused_is_not_retried(run_job):
    run_job.errors = [ClaimError("403", is_transient=False)]
    with pytest.raises(Retry):
        consume.consume(run_job, 7)
    assert run_job.job_ids == [7]


def test_a_run_that_raises_is_not_repeated(run_job):
    run_job.errors = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        consume.consume(run_job, 7)
    assert run_job.job_ids == [7]


@pytest.mark.parametrize(
    "outcome, error",
    [(Outcome.RETRIED, Retry), (Outcome.FAILED, JobFailure), (Outcome.IGNORED, Ignore)],
)
def test_the_outcome_of_the_named_job_is_the_state_of_the_task(run_job, outcome, error):
    run_job.outcome = outcome
    with pytest.raises(error):
        consume.consume(run_job, 7)


def test_a_message_whose_job_was_not_claimed_is_ignored():
    with pytest.raises(Ignore):
        consume.consume(lambda **_: {}, 7)
