"""Everything around the processes fails: services are away, a disk is full, a worker sleeps.

The seed decides the order, the length and the pauses. `counts` says what has happened.
"""

import collections
import json
import os
import random
import signal
import time
from collections.abc import Callable

import redis

from tests.chaos.beside import Beside
from tests.chaos.storm_stack import StormStack
from tests.waiting import wait_for
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.server import Server

SLEEP_SECONDS = 60
# What happens in one storm, and how often.
PLAN = {
    "broker_killed": 3,
    "postgres_stopped": 3,
    "storage_killed": 1,
    "storage_frozen": 1,
    "redis_flushed": 1,
    "redis_killed": 1,
    "disk_full": 1,
    "deploy": 2,
}


class Outages(Beside):
    """One failure after the other until the plan is done.

    They are spread over the storm; `progress`, from 0 to 1, is how much of it is over.
    """

    def __init__(self, stack: StormStack, seed: int, progress: Callable[[], float]) -> None:
        super().__init__()
        self._progress = progress
        self.counts: collections.Counter[str] = collections.Counter()
        self.last_at = time.time()
        self.is_done = False
        self._stack = stack
        self._chance = random.Random(seed)

    def go(self) -> None:
        kinds = [kind for kind, times in PLAN.items() for _ in range(times)]
        self._chance.shuffle(kinds)
        for number, kind in enumerate(kinds):
            self._pause(1, 5)
            while self._progress() < number / len(kinds):
                if self.stopped.wait(0.2):
                    return
            failure: Callable[[], None] = getattr(self, kind)
            failure()
            self.counts[kind] += 1
            self.last_at = time.time()
        self.is_done = True

    def broker_killed(self) -> None:
        self._stack.rabbitmq.kill()
        self._pause(0, 10)
        self._stack.rabbitmq.start()

    def postgres_stopped(self) -> None:
        """No shutdown in order: what was committed is in the log, the rest is lost."""
        end(self._stack.postgres, self._chance.choice([signal.SIGQUIT, signal.SIGKILL]))
        self._pause(2, 15)
        wait_for(lambda: has_started(self._stack.postgres), "PostgreSQL", seconds=60, every=1)

    def storage_killed(self) -> None:
        self._stack.s3.kill()
        self._pause(3, 10)
        self._stack.s3.start()

    def storage_frozen(self) -> None:
        self._stack.s3.send(signal.SIGSTOP)
        self._pause(3, 20)
        self._stack.s3.send(signal.SIGCONT)

    def redis_flushed(self) -> None:
        with redis.Redis.from_url(self._stack.redis.url) as client:
            client.flushall()

    def redis_killed(self) -> None:
        end(self._stack.redis, signal.SIGKILL)
        self._pause(2, 10)
        self._stack.redis.start()

    def disk_full(self) -> None:
        """The disk of the first rendering worker, while it works."""
        self._stack.disk.fill()
        self._pause(5, 15)
        self._stack.disk.clear()

    def deploy(self) -> None:
        """SIGTERM to one process after the other, each started again at once."""
        for process in self._stack.product:
            with process.fault:
                process.stop()
                process.start()

    def _pause(self, least: float, most: float) -> None:
        time.sleep(self._chance.uniform(least, most))


class SleepingWorker(Beside):
    """A rendering worker is stopped for a minute while it holds leases, which others take over.

    `progress` as in Outages.
    """

    def __init__(self, stack: StormStack, seed: int, progress: Callable[[], float]) -> None:
        super().__init__()
        self.slept = 0
        self.last_at = time.time()
        self._stack = stack
        self._progress = progress
        self._begin_at = random.Random(seed).uniform(0.1, 0.7)

    def go(self) -> None:
        while self._progress() < self._begin_at and not self.stopped.wait(0.5):
            pass
        while not self.stopped.is_set() and not self.slept:
            worker = self._stack.gpu2
            with worker.fault:
                claim = self._next_claim()
                worker.send(signal.SIGSTOP)
                if claim and self._is_leased(claim):
                    self.stopped.wait(SLEEP_SECONDS)
                    self.slept += 1
                worker.send(signal.SIGCONT)
                self.last_at = time.time()

    def _next_claim(self) -> dict | None:
        """The line that the worker logs when it claims a job, as soon as it is there."""
        with self._stack.gpu2.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            while not self.stopped.is_set():
                line = log.readline()
                if '"job claimed"' in line and line.endswith("\n"):
                    return json.loads(line)
                if not line:
                    self.stopped.wait(0.005)
        return None

    def _is_leased(self, claim: dict) -> bool:
        """Whether a job is still leased to the worker that claimed it."""
        query = "SELECT fence FROM jobs WHERE id = :id AND state = 'running'"
        rows = self._stack.rows(query, id=claim["job_id"])
        return bool(rows) and rows[0].fence == claim["fence"]


def end(server: Server, number: signal.Signals) -> None:
    """End a server by a signal that it does not answer in order."""
    process, server._process = server._process, None
    process.send_signal(number)
    process.wait()


def has_started(server: Server) -> bool:
    """Start a server; not yet possible while processes of its former run are still there."""
    try:
        server.start()
    except EmbeddedError:
        return False
    return True
