"""A GPU outside our broker: `python -m tasks.remote`, over HTTP and nothing else.

It asks the site for work instead of hearing bells, and does it with the very code of the Celery
tasks. From the environment it takes INTERNAL_API_URL and INTERNAL_API_TOKEN, and what else is in
`WorkerSettings`; it has no database, no broker and no storage keys.
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
from tasks.messages import Kind
from tasks.work.rendering import render_batch, renderer_for
from tasks.work.segmenting import segment_photo, segmenter
from tasks.work.training import train_slice
from tasks.worker_api import ClaimError, cause_of, worker_settings

log = structlog.get_logger()
DEFAULT_KINDS: tuple[Kind, ...] = ("generation", "training")
EXIT_REFUSED = 3
NAP_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
MAX_DOUBLINGS = 10
STDERR = 2  # the descriptor
# As long as the Celery tasks may take. Past it the device hangs, and only another process can help.
TIME_LIMIT_SECONDS: dict[Kind, int] = {"generation": 600, "training": 1800, "segmentation": 600}


class RemoteWorker:
    """Asks for work of some kinds, the first named first, until it is told to leave."""

    def __init__(self, kinds: tuple[Kind, ...], poll_seconds: float) -> None:
        self.is_leaving = False
        self._poll_seconds = poll_seconds
        work: dict[Kind, Callable[[], bool]] = {
            "generation": render_batch,
            "training": partial(train_slice, is_leaving=lambda: self.is_leaving),
            "segmentation": segment_photo,
        }
        self._work = {kind: work[kind] for kind in kinds}

    def leave(self, *_signal: object) -> None:
        """Leave soon: a batch is drawn to its end, a slice of training is put back."""
        self.is_leaving = True

    def run(self, *, once: bool) -> None:
        """Work until told to leave; with `once`, until the site has given work or has none.

        Raises ClaimError when the site does not want this worker. An error that nobody foresaw
        ends the process, for it may have left the device unusable.
        """
        failures = 0
        while not self.is_leaving:
            try:
                had_work = self._turn()
            except ClaimError as error:
                if not error.is_passing:
                    raise
                failures += 1
                log.warning("no work can be asked for", error=str(error))
            except (EngineError, httpx.HTTPError) as error:
                failures += 1
                # Its report has told the site, or its lease will; no address is signed in the log.
                log.error("work failed", cause=cause_of(error))  # noqa: TRY400
            else:
                failures = 0
                if once:
                    return
                if had_work:
                    continue
            self._pause(self.pause_seconds(failures))

    def _turn(self) -> bool:
        """Do the work of the first kind that has any."""
        return any(not self.is_leaving and self._do(kind) for kind in self._work)

    def _do(self, kind: Kind) -> bool:
        faulthandler.dump_traceback_later(TIME_LIMIT_SECONDS[kind], exit=True, file=STDERR)
        try:
            return self._work[kind]()
        finally:
            faulthandler.cancel_dump_traceback_later()

    def pause_seconds(self, failures: int) -> float:
        """Return how long to wait; by chance, so that many workers do not ask all at once."""
        longest = min(LONGEST_PAUSE_SECONDS, self._poll_seconds * 2 ** min(failures, MAX_DOUBLINGS))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - chance, not secrecy

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.is_leaving and (left := until - time.monotonic()) > 0:
            time.sleep(min(NAP_SECONDS, left))


def _kinds(text: str) -> tuple[Kind, ...]:
    """Read `training,generation`."""
    known = {str(kind): kind for kind in get_args(Kind)}
    asked = text.split(",")
    if set(asked) - set(known):
        raise argparse.ArgumentTypeError(f"some of {', '.join(known)}, with commas between")
    return tuple(known[kind] for kind in asked)


def main() -> None:
    """Read the command line and the environment, load the base model, and work."""
    parser = argparse.ArgumentParser(prog="python -m tasks.remote", description=__doc__)
    parser.add_argument(
        "--kinds",
        type=_kinds,
        default=DEFAULT_KINDS,
        help="some of training, generation and segmentation, the most urgent first"
        " (generation,training)",
    )
    parser.add_argument(
        "--once", action="store_true", help="leave after one batch or slice, or if there is none"
    )
    asked = parser.parse_args()
    try:
        settings = worker_settings()
    except ValidationError as error:
        wrong = (
            f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()
        )
        parser.error("the environment is not complete: " + "; ".join(wrong))
    worker = RemoteWorker(asked.kinds, settings.poll_seconds)
    signal.signal(signal.SIGTERM, worker.leave)
    signal.signal(signal.SIGINT, worker.leave)
    if "generation" in asked.kinds:
        renderer_for(settings.base_model)  # before, not under, the first lease
    if "segmentation" in asked.kinds:
        segmenter()
    log.info("remote worker ready", kinds=asked.kinds, site=settings.internal_api_url)
    try:
        worker.run(once=asked.once)
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
