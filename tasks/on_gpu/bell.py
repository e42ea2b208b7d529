"""Heed a bell: do its work, and wait for a site that is away only as long as it makes sense."""

from typing import Protocol

import structlog
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random_exponential

from tasks.worker_api import ClaimError

log = structlog.get_logger()
PATIENCE_SECONDS = 30


class Work(Protocol):
    """What a bell is for."""

    def __call__(self, *, job_id: int) -> bool:
        """Claim that job and do it; return whether it was there. Raises ClaimError."""


def hear(work: Work, job_id: int) -> None:
    """Do the work of a bell, or let it go unheard while the platform is sick.

    Nothing was taken then: the relay rings again, and no try is used up.
    """
    try:
        _do(work, job_id)
    except ClaimError as error:
        log.warning("no work claimed", error=str(error))


@retry(
    retry=retry_if_exception(lambda error: isinstance(error, ClaimError) and error.is_passing),
    stop=stop_after_delay(PATIENCE_SECONDS),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def _do(work: Work, job_id: int) -> None:
    work(job_id=job_id)
