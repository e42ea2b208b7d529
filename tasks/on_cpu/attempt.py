"""One attempt at a CPU step: claim and record in short transactions, compute without a session."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import structlog
from celery.exceptions import Ignore, Retry, SoftTimeLimitExceeded

from celery_config import TaskName
from failpoints import failpoint
from tasks.metrics import count_failure
from tasks.outcomes import Outcome
from tasks.task import end_task
from webapp.domain import jobs
from webapp.domain.db import DatabaseUnavailable, unit_of_work
from webapp.domain.gateways.storage import Storage, StorageUnavailable, configured_storage
from webapp.domain.jobs import Lease
from webapp.domain.models.job import JobState
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


def claim(job_id: int, step: TaskName) -> Lease:
    """Claim the job of a message. Raises Ignore for a stale message.

    Raises Retry while storage is unavailable: the job stays queued and is published again, and no
    attempt is used up.
    """
    try:
        storage().check()
    except StorageUnavailable as error:
        log.warning("storage unavailable, job left queued")
        raise Retry("Storage is unavailable.", exc=error) from error
    return claim_without_storage(job_id, step)


def claim_without_storage(job_id: int, step: TaskName) -> Lease:
    """Claim the job of a message whose step needs no storage. Raises Ignore for a stale message."""
    with unit_of_work() as session:
        lease = job_attempts.claim(session, job_id, step)
    failpoint("after_claim")
    if lease is None:
        raise Ignore("The message is stale.")
    return lease


def keep_lease(lease: Lease) -> None:
    """Renew the lease during a long step. Raises LeaseLost."""
    with unit_of_work() as session:
        renewed = jobs.renew(session, lease.job_id, lease.fence, settings().step_lease_seconds)
    if renewed is None:
        raise LeaseLost


@contextmanager
def attempt(lease: Lease) -> Iterator[None]:
    """Record an error as the failure of this attempt and end the task with its outcome.

    Unknown errors end the job and are raised.
    """
    try:
        yield
    except AttemptFailed as error:
        _fail(lease, error.cause, str(error))
    except LeaseLost:
        end_task(Outcome.IGNORED, "The lease is lost.")
    except StorageUnavailable:
        _fail(lease, "NETWORK", "Storage did not answer.")
    except SoftTimeLimitExceeded:
        _fail(lease, "TIMEOUT", "The time limit was exceeded.")
    except DatabaseUnavailable:
        raise  # the lease expires and the relay publishes the job again
    except Exception as error:
        log.warning("unexpected error", error=type(error).__name__)  # the owner is not told
        _record(lease, "INTERNAL_ERROR", "An unexpected error occurred.")
        raise


def _fail(lease: Lease, cause: str, message: str) -> None:
    """Record a failed attempt and end the task as retried, failed or, if stale, ignored."""
    end_task(_record(lease, cause, message), f"{cause}: {message}")


def _record(lease: Lease, cause: str, message: str) -> Outcome:
    count_failure(cause)
    log.warning("attempt failed", cause=cause, message=message)
    with unit_of_work() as session:
        state = job_attempts.fail(session, lease, cause, message)
    if state is None:
        return Outcome.IGNORED
    return Outcome.RETRIED if state is JobState.QUEUED else Outcome.FAILED
