"""Places in the product code where a test may kill the process; nothing happens otherwise.

FAILPOINTS="after_put=0.1,after_commit=1" kills this process with SIGKILL at those points with
that probability. FAILPOINTS_LOG names a file that gets one line per kill, FAILPOINTS_ONCE a
folder in which a marker makes each point kill only once.
"""

import os
import random
import signal
from pathlib import Path


def are_requested() -> bool:
    """Tell whether the environment asks for kills; settings refuse it in production."""
    return bool(os.environ.get("FAILPOINTS"))


def failpoint(name: str) -> None:
    """Die here, as if the power went, when the environment asks for it."""
    wanted = os.environ.get("FAILPOINTS")
    if not wanted:
        return
    chances = dict(entry.split("=", 1) for entry in wanted.split(","))
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
