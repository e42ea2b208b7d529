"""Duplicates messages: a share of all is published a second time, at once or later.

A message contains the name of a task and the id of a job, so a copy is made from the job table.
"""

import heapq
import random
import time

from celery import Celery
from kombu.exceptions import OperationalError

from celery_config import ROUTES, TaskName, make_celery
from tests.chaos.beside import Beside
from tests.stack import Stack

LATEST_SECONDS = 4.0
LOOK_SECONDS = 0.02
PUBLISHED = (
    "SELECT id, step, published_at FROM jobs WHERE published_at > :since ORDER BY published_at"
)


class Doubler(Beside):
    """Reads what the relay publishes and publishes a share of it again; `copies` counts them."""

    def __init__(self, stack: Stack, *, share: float, seed: int) -> None:
        super().__init__()
        self.copies = 0
        self._stack = stack
        self._share = share
        self._chance = random.Random(seed)
        self._later: list[tuple[float, int, str]] = []

    def go(self) -> None:
        celery = make_celery(self._stack.environment["BROKER_URL"])
        since = self._stack.value("SELECT clock_timestamp()")
        while not self.stopped.wait(LOOK_SECONDS):
            for job in self._stack.rows(PUBLISHED, since=since):
                since = job.published_at
                if self._chance.random() < self._share:
                    wait = self._chance.choice([0.0, self._chance.uniform(0, LATEST_SECONDS)])
                    heapq.heappush(self._later, (time.monotonic() + wait, job.id, job.step))
            self._publish_due(celery)

    def _publish_due(self, celery: Celery) -> None:
        if not self._later or self._later[0][0] > time.monotonic():
            return
        try:
            with (
                celery.connection_for_write() as connection,
                celery.amqp.Producer(connection) as producer,
            ):
                while self._later and self._later[0][0] <= time.monotonic():
                    _, job_id, step = self._later[0]
                    celery.send_task(
                        step,
                        kwargs={"job_id": job_id},
                        queue=ROUTES[TaskName(step)].value,
                        producer=producer,
                        retry=False,
                    )
                    heapq.heappop(self._later)
                    self.copies += 1
        except (OperationalError, OSError):
            self.stopped.wait(0.2)  # the broker is down; the copies are published when it is back
