"""Points in the product code at which a test may kill the process.

FAILPOINTS="after_put=0.1,after_commit=1" kills this process with SIGKILL at those points with
that probability. FAILPOINTS_LOG names a file that gets one line per kill, FAILPOINTS_ONCE a
folder in which a marker makes each point kill only once.
"""

import os
import random
import signal
from pathlib import Path


def are_requested() -> bool:
    """Return whether FAILPOINTS is set; settings refuse it in production."""
    return bool(os.environ.get("FAILPOINTS"))


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if FAILPOINTS says so."""
    configured = os.environ.get("FAILPOINTS")
    if not configured:
        return
    chances = dict(entry.split("=", 1) for entry in configured.split(","))
    if random.random() >= float(chances.get(name, 0)):  # noqa: S311 - chance, not secrecy
        return
    once = os.environ.get("FAILPOINTS_ONCE")
    if once:
        try:
            (Path(once) / name).touch(exist_ok=False)
        except FileExistsError:
            return
    log = os.environ.get("FAILPOINTS_LOG")
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{name} {os.getpid()}\n")
    os.kill(os.getpid(), signal.SIGKILL)
