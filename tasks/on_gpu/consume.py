"""Handle one queue message: claim the job that it names and run it.

The claim is retried with backoff for at most 30 s while the API is unreachable.
"""

from typing import Protocol

import structlog
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random_exponential

from tasks.outcomes import Outcome
from tasks.task import end_task
from tasks.worker_errors import ClaimError

log = structlog.get_logger()
CLAIM_RETRY_SECONDS = 30


class RunJob(Protocol):
    """Claims jobs of one kind and runs them (tasks/gpu_jobs)."""

    def __call__(self, *, job_id: int) -> dict[int, Outcome]:
        """Claim the job with others of its batch and run them; return outcomes by job id.

        Raises ClaimError.
        """


def consume(run_job: RunJob, job_id: int) -> None:
    """Claim the job of a message, run it, and end the task with its outcome.

    A job that cannot be claimed stays queued: the relay publishes it again, and no attempt is used
    up.
    """
    try:
        outcomes = _run_with_backoff(run_job, job_id)
    except ClaimError as error:
        log.warning("job not claimed", error=str(error))
        end_task(Outcome.RETRIED, f"The job was not claimed: {error}.")
    else:
        end_task(outcomes.get(job_id, Outcome.IGNORED), "The worker reported a failed attempt.")


@retry(
    retry=retry_if_exception(lambda error: isinstance(error, ClaimError) and error.is_transient),
    stop=stop_after_delay(CLAIM_RETRY_SECONDS),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def _run_with_backoff(run_job: RunJob, job_id: int) -> dict[int, Outcome]:
    return run_job(job_id=job_id)
