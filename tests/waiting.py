"""Wait for conditions, never for a length of time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(
    condition: Callable[[], Found],
    what: str,
    *,
    seconds: float = 60,
    every: float = 0.05,
    explain: Callable[[], object] = lambda: "",
) -> Found:
    """Return the first true value of a condition; fail with a reason when it never comes."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what} {explain()}")
        time.sleep(every)
