"""Whether a GPU worker is fit to claim jobs: its disk, its cache, and how its last runs ended.

A sick worker claims nothing, so that its jobs go to others, and says why: in the log, and as the
metric `worker_sick`. It asks itself again before each claim.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from tasks.metrics import WORKER_SICK

log = structlog.get_logger()
# Causes for which the worker may be to blame, rather than the network or the order.
OWN_CAUSES = frozenset({"GPU_OOM", "INTERNAL_ERROR", "MODEL_MISSING", "TIMEOUT", "WORKER_LOST"})
MOST_FAILURES = 3
# After so long a worker that failed too often tries once more.
TRIAL_SECONDS = 600.0
REASONS = ("disk", "cache", "failures")


class WorkerHealth:
    """The health of one worker process.

    `folder` is its cache, on the disk that must have room.
    """

    def __init__(
        self,
        folder: Path,
        min_free_bytes: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._reason: str | None = None
        self._failures = 0
        self._failed_rows: set[int] = set()
        self._failed_at = 0.0
        self._is_counted = False

    def problem(self) -> str | None:
        """Return why this worker must not claim now, in words; None if it may."""
        reason, problem = self._found()
        if reason != self._reason:
            if reason is None:
                log.info("worker is healthy again")
            else:
                log.error("worker is sick and claims nothing", reason=reason, problem=problem)
            self._reason = reason
            for each in REASONS:
                WORKER_SICK.labels(each).set(each == reason)
        return problem

    def begin(self) -> None:
        """Note that jobs were claimed: however many of them fail, they are one run."""
        self._is_counted = False

    def failed(self, cause: str, row_id: int) -> None:
        """Note a failed attempt; only causes of the worker's own count, once per run.

        An order that fails again and again is no proof against the worker: it counts once.
        """
        if cause not in OWN_CAUSES:
            return
        self._failed_at = self._clock()
        is_another = row_id not in self._failed_rows
        self._failed_rows.add(row_id)
        if is_another and not self._is_counted:
            self._is_counted = True
            self._failures += 1

    def succeeded(self) -> None:
        """Note a result: what failed before was not this worker's fault."""
        self._failures = 0
        self._failed_rows.clear()

    def _found(self) -> tuple[str | None, str | None]:
        is_trial = self._clock() - self._failed_at >= TRIAL_SECONDS
        if self._failures >= MOST_FAILURES and not is_trial:
            return "failures", f"The last {self._failures} runs of this worker failed."
        probe = self._folder / f".probe-{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            next(self._folder.iterdir(), None)
            probe.write_bytes(b"0" * 4096)
            probe.unlink()
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            return "cache", f"The cache of this worker cannot be used: {error.strerror}."
        if free < self._min_free_bytes:
            return "disk", f"The disk of this worker has {free} bytes left."
        return None, None
