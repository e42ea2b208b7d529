"""Rows that are locked against the usual order: tried, let go of, and tried again a moment later.

Requests hold an account and then lock a job; tasks lock a job and then the account when a credit
comes back. Whoever needs an account for itself with all its jobs may wait for neither of them while
it keeps the other one.
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
    """Return what `lock` does, which waits for no row that others might wait for (NOWAIT).

    Each try is undone, with its locks, before the next. Raises ServiceUnavailable after two seconds
    of tries.
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
