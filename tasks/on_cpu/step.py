"""One CPU step: claim in one short transaction, work without a session, record in another."""

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
from webapp.domain.services import steps
from webapp.domain.settings import settings

log = structlog.get_logger()


class StepError(Exception):
    """A step failed; `cause` decides whether it is retried (docs/api.md, Worker protocol)."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class LeaseLost(Exception):
    """Somebody else has the job, or it was ended: what this worker did counts for nothing."""


@lru_cache(maxsize=1)
def storage() -> Storage:
    """Return this process's storage."""
    return configured_storage(settings())


def begin(job_id: int, step: TaskName) -> Lease | None:
    """Take the job a bell named, or None when the bell was stale or storage is away.

    A sick platform is not a failed job: the bell simply rings again later.
    """
    try:
        storage().check()
    except StorageUnavailable:
        log.warning("storage away, job left queued")
        return None
    with unit_of_work() as session:
        lease = steps.begin(session, job_id, step)
    failpoint("after_claim")
    return lease


def keep_lease(lease: Lease) -> None:
    """Renew a lease in the middle of a long step. Raises LeaseLost."""
    with unit_of_work() as session:
        renewed = jobs.renew(session, lease.job_id, lease.fence, settings().step_lease_seconds)
    if renewed is None:
        raise LeaseLost


@contextmanager
def verdict(lease: Lease) -> Iterator[None]:
    """Turn what goes wrong inside into the job's verdict; unknown errors end it and are raised."""
    try:
        yield
    except StepError as error:
        _record(lease, error.cause, str(error))
    except StorageUnavailable:
        _record(lease, "NETWORK", "Storage did not answer.")
    except SoftTimeLimitExceeded:
        _record(lease, "TIMEOUT", "The work took too long.")
    except DatabaseUnavailable:
        raise  # the lease runs out and the relay rings again
    except Exception as error:
        _record(lease, "INTERNAL_ERROR", type(error).__name__)
        raise


def _record(lease: Lease, cause: str, message: str) -> None:
    count_failure(cause)
    log.warning("step failed", cause=cause, message=message)
    with unit_of_work() as session:
        steps.fail(session, lease, cause, message)
