"""Whether this process is being stopped.

A process that drains still answers everything, but says at its readiness that requests should go to
another one, closes each connection after its answer and ends its event streams.
"""

import threading

_begun = threading.Event()


def begin() -> None:
    """Drain from now on; called in the handler of SIGTERM."""
    _begun.set()


def has_begun() -> bool:
    """Tell whether this process drains."""
    return _begun.is_set()


def wait(seconds: float) -> bool:
    """Wait that long, or until this process drains; tell whether it does."""
    return _begun.wait(seconds)
