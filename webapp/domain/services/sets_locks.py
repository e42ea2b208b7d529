"""Locks rows against the usual order with NOWAIT and retries, to avoid deadlocks.

Requests lock an account and then a job; tasks lock a job and, to return a credit, the account. Code
that locks an account together with all its jobs must not wait for one while it holds the other.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.domain.errors import ServiceUnavailable

TRIES, PAUSE_SECONDS = 40, 0.05
Locked = TypeVar("Locked")


def lock_with_retries(session: Session, lock: Callable[[], Locked]) -> Locked:
    """Return the result of `lock`, which must lock with NOWAIT; retry while rows are locked.

    Each try is rolled back to a savepoint, which releases its locks. Raises ServiceUnavailable
    after two seconds of tries.
    """
    for _ in range(TRIES):
        try:
            with session.begin_nested():
                return lock()
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            time.sleep(PAUSE_SECONDS)
    raise ServiceUnavailable(retry_after=1)
