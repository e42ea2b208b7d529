"""A GPU worker without the broker: `python -m tasks.remote`, over HTTP only.

It claims jobs by polling and runs them with the code of the Celery tasks. The environment has
INTERNAL_API_URL, INTERNAL_API_TOKEN and the other `WorkerSettings`; no database, no broker and no
storage keys.
"""

import argparse
import faulthandler
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import get_args

import httpx
import structlog
from pydantic import ValidationError

from gpu.errors import EngineError
from tasks.gpu_jobs.rendering import render_batch, renderer_for
from tasks.gpu_jobs.segmenting import segment_photo, segmenter
from tasks.gpu_jobs.training import train_slice
from tasks.messages import Kind
from tasks.outcomes import Outcome
from tasks.worker_api import worker_settings
from tasks.worker_errors import ClaimError, cause_of

log = structlog.get_logger()
DEFAULT_KINDS: tuple[Kind, ...] = ("generation", "training")
EXIT_REFUSED = 3
SLEEP_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 30.0
MAX_DOUBLINGS = 10
STDERR = 2  # the descriptor
# The time limits of the Celery tasks. A run that exceeds them hangs; the process must end.
TIME_LIMIT_SECONDS: dict[Kind, int] = {"generation": 600, "training": 1800, "segmentation": 600}


class RemoteWorker:
    """Claims jobs of some kinds, in this order of priority, until SIGTERM or SIGINT."""

    def __init__(self, kinds: tuple[Kind, ...], poll_seconds: float) -> None:
        self.is_leaving = False
        self._poll_seconds = poll_seconds
        runs: dict[Kind, Callable[[], dict[int, Outcome]]] = {
            "generation": render_batch,
            "training": partial(train_slice, is_leaving=lambda: self.is_leaving),
            "segmentation": segment_photo,
        }
        self._runs = {kind: runs[kind] for kind in kinds}

    def leave(self, *_signal: object) -> None:
        """Stop after the current batch, or at the next step of a training."""
        self.is_leaving = True

    def run(self, *, once: bool) -> None:
        """Run jobs until `leave` is called; with `once`, claim once.

        Raises ClaimError when the API refuses this worker. An unexpected error ends the process,
        because it may have left the device unusable.
        """
        failures = 0
        while not self.is_leaving:
            try:
                was_claimed = self._run_first()
            except ClaimError as error:
                if not error.is_transient:
                    raise
                failures += 1
                log.warning("claim failed", error=str(error))
            except (EngineError, httpx.HTTPError) as error:
                failures += 1
                # Reported already, or the lease expires; a message could contain a signed URL.
                log.error("job failed", cause=cause_of(error))  # noqa: TRY400
            else:
                failures = 0
                if once:
                    return
                if was_claimed:
                    continue
            self._wait(self.backoff_seconds(failures))

    def _run_first(self) -> bool:
        """Claim and run jobs of the first kind that has any; return whether there were any."""
        return any(not self.is_leaving and self._run(kind) for kind in self._runs)

    def _run(self, kind: Kind) -> bool:
        faulthandler.dump_traceback_later(TIME_LIMIT_SECONDS[kind], exit=True, file=STDERR)
        try:
            return bool(self._runs[kind]())
        finally:
            faulthandler.cancel_dump_traceback_later()

    def backoff_seconds(self, failures: int) -> float:
        """Return how long to wait, with jitter, so that workers do not poll at the same time."""
        longest = min(MAX_BACKOFF_SECONDS, self._poll_seconds * 2 ** min(failures, MAX_DOUBLINGS))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - chance, not secrecy

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.is_leaving and (remaining := end - time.monotonic()) > 0:
            time.sleep(min(SLEEP_SECONDS, remaining))


def _kinds(text: str) -> tuple[Kind, ...]:
    """Read `training,generation`."""
    known = {str(kind): kind for kind in get_args(Kind)}
    names = text.split(",")
    if set(names) - set(known):
        raise argparse.ArgumentTypeError(f"some of {', '.join(known)}, with commas between")
    return tuple(known[kind] for kind in names)


def main() -> None:
    """Read command line and environment, load the models, run the worker."""
    parser = argparse.ArgumentParser(prog="python -m tasks.remote", description=__doc__)
    parser.add_argument(
        "--kinds",
        type=_kinds,
        default=DEFAULT_KINDS,
        help="some of training, generation and segmentation, the most urgent first"
        " (generation,training)",
    )
    parser.add_argument(
        "--once", action="store_true", help="stop after one batch or slice, or if there is none"
    )
    arguments = parser.parse_args()
    try:
        settings = worker_settings()
    except ValidationError as error:
        problems = (
            f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()
        )
        parser.error("the environment is not complete: " + "; ".join(problems))
    worker = RemoteWorker(arguments.kinds, settings.poll_seconds)
    signal.signal(signal.SIGTERM, worker.leave)
    signal.signal(signal.SIGINT, worker.leave)
    if "generation" in arguments.kinds:
        renderer_for(settings.base_model)  # before the first lease begins
    if "segmentation" in arguments.kinds:
        segmenter()
    log.info("remote worker ready", kinds=arguments.kinds, site=settings.internal_api_url)
    try:
        worker.run(once=arguments.once)
    except ClaimError as error:
        log.error(  # noqa: TRY400 - for an operator; where it was raised says nothing
            "the site refuses this worker: look at INTERNAL_API_URL, INTERNAL_API_TOKEN"
            " and the site's INTERNAL_NETWORKS",
            site=settings.internal_api_url,
            error=str(error),
        )
        sys.exit(EXIT_REFUSED)
    log.info("remote worker left")


if __name__ == "__main__":
    main()
