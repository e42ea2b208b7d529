"""Finds and ends processes that outlived their supervisord, by a variable of their environment."""

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from webapp.embedded.environment import MARK


def end_leftovers(directory: Path, *, session: int | None = None) -> list[str]:
    """End every process of a stack in this folder that still runs; return their names.

    `session` is the session of a supervisord that has just ended: processes that changed their
    title, and so overwrote their environment, are found by it.
    """
    mark, here = str(directory.resolve()), psutil.Process()
    spared = {here.pid, *(parent.pid for parent in here.parents())}
    left = []
    for process in psutil.process_iter():
        try:
            ours = os.getsid(process.pid) == session or process.environ().get(MARK) == mark
            if process.pid not in spared and ours and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except (psutil.Error, OSError):
            continue  # it has ended, or belongs to another account
    names = [f"{process.pid} {_name(process)}" for process in left]
    for process in left:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(left, timeout=5)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=5)
    return names


def _name(process: psutil.Process) -> str:
    try:
        name: str = process.name()
    except psutil.Error:
        return "(gone)"
    return name


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
