"""One attempt at a CPU step: claim and record in short transactions, compute without a session."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from celery_config import TaskName
from failpoints import failpoint
from tasks.metrics import count_failure
from webapp.domain import jobs
from webapp.domain.db import DatabaseUnavailable, unit_of_work
from webapp.domain.gateways.storage import Storage, StorageUnavailable, configured_storage
from webapp.domain.jobs import Lease
from webapp.domain.services import job_attempts
from webapp.domain.settings import settings

log = structlog.get_logger()


class AttemptFailed(Exception):
    """The attempt failed; `cause` decides about a retry (docs/api.md, Worker protocol)."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class LeaseLost(Exception):
    """Another worker has the job, or it has ended: this attempt may change nothing."""


@lru_cache(maxsize=1)
def storage() -> Storage:
    """Return this process's storage."""
    return configured_storage(settings())


def claim(job_id: int, step: TaskName) -> Lease | None:
    """Claim the job of a message; None if the message is stale or storage is unavailable.

    An unavailable storage uses up no attempt: the job stays queued and is published again.
    """
    try:
        storage().check()
    except StorageUnavailable:
        log.warning("storage unavailable, job left queued")
        return None
    with unit_of_work() as session:
        lease = job_attempts.claim(session, job_id, step)
    failpoint("after_claim")
    return lease


def keep_lease(lease: Lease) -> None:
    """Renew the lease during a long step. Raises LeaseLost."""
    with unit_of_work() as session:
        renewed = jobs.renew(session, lease.job_id, lease.fence, settings().step_lease_seconds)
    if renewed is None:
        raise LeaseLost


@contextmanager
def attempt(lease: Lease) -> Iterator[None]:
    """Record an error as the failure of this attempt; unknown errors end the job and are raised."""
    try:
        yield
    except AttemptFailed as error:
        _record(lease, error.cause, str(error))
    except StorageUnavailable:
        _record(lease, "NETWORK", "Storage did not answer.")
    except SoftTimeLimitExceeded:
        _record(lease, "TIMEOUT", "The time limit was exceeded.")
    except DatabaseUnavailable:
        raise  # the lease expires and the relay publishes the job again
    except Exception as error:
        _record(lease, "INTERNAL_ERROR", type(error).__name__)
        raise


def _record(lease: Lease, cause: str, message: str) -> None:
    count_failure(cause)
    log.warning("attempt failed", cause=cause, message=message)
    with unit_of_work() as session:
        job_attempts.fail(session, lease, cause, message)
