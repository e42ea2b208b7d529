"""The product for the long storm: every service is its own, and may be killed under it.

Two relays, two beats, two rendering and two stamping workers run; the clocks of one rendering
worker and of the worker of deliveries and refunds are wrong.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from celery_config import CPU_QUEUES, GPU_QUEUES
from tests.chaos.small_disk import SmallDisk
from tests.chaos.wrong_clock import wrong_clock
from tests.processes import PYTHON, Process
from tests.stack import FAST_ENGINE, Stack
from webapp.embedded.postgres import Postgres

Read = TypeVar("Read")
TRAINING_ENGINE = "tests.chaos.short_training"
OUTAGE_SECONDS = 120
CHANGES = {
    "TRAINING_LEASE_SECONDS": "8",
    "TRAIN_BATCH_SIZE": "1",
    # The cache of a rendering worker is a disk of a few megabytes.
    "WORKER_MIN_FREE_BYTES": str(1 << 20),
}


class StormStack(Stack):
    """As Stack, on RabbitMQ and S3; `wrong_clocks` says by how many hours which clock is wrong.

    What it reads from the database it reads again when the database was away.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, storage="s3", changes=CHANGES)
        self.postgres = Postgres(folder / "postgres")
        self.disk = SmallDisk(folder / "small_disk")
        hours = random.Random(seed).choice((1, -1))
        self.wrong_clocks = {"gpu2": hours, "cashier": -hours}

    def _open_database(self) -> URL:
        self.folder.chmod(0o755)  # PostgreSQL runs as another account when we are root
        self._parts.callback(self.postgres.remove)
        url = make_url(self.postgres.start())
        self._parts.callback(self.postgres.stop)
        return url

    def _start(self) -> None:
        super()._start()
        # The renderers come last: at their start they report their base model to the site.
        self.disk.mount()
        self._parts.callback(self.disk.unmount)
        self.gpu = self._renderer("gpu", self.disk.folder)
        self.gpu2 = self._renderer("gpu2", self.folder / "second_worker")
        self.gpu2.environment |= wrong_clock(self.folder, self.wrong_clocks["gpu2"])
        for renderer in (self.gpu, self.gpu2):
            renderer.start()
        for renderer in (self.gpu, self.gpu2):
            self._wait_until_said(renderer, "ready.")
            self._wait_until_said(renderer, "base model reported")
        self.rabbitmq.wait_until_it_remembers(CPU_QUEUES + GPU_QUEUES)

    def _add_processes(self) -> None:
        super()._add_processes()
        self.cashier.environment = self.environment | wrong_clock(
            self.folder, self.wrong_clocks["cashier"]
        )
        self.relay2 = self._add("relay2", PYTHON, "-m", "webapp.domain.relay")
        self.beats = [self._beat(f"beat{number}") for number in (1, 2)]
        self.stamper2 = self._worker("stamper2", "tasks.on_cpu", "stamping")
        self.trainer = self._worker("trainer", TRAINING_ENGINE, "model_training")

    def _renderer(self, name: str, cache: Path) -> Process:
        process = self._worker(name, FAST_ENGINE, "image_generation")
        process.environment = self.environment | {"WORKER_CACHE_DIR": str(cache)}
        return process

    def _beat(self, name: str) -> Process:
        schedule = str(self.folder / name)
        return self._add(
            name,
            *(PYTHON, "-m", "celery", "-A", "celery_config", "beat"),
            *("--loglevel", "INFO", "--schedule", schedule, "--pidfile="),
        )

    @property
    def product(self) -> list[Process]:
        """Every process that is ours, without the sandboxes of sign-in and payment."""
        return [each for each in self._processes if each not in {self.google, self.toss}]

    def wait_until_ready(self) -> None:
        super().wait_until_ready()
        self._wait_until_said(self.relay2, "relay started")
        for worker in (self.stamper2, self.trainer):
            self._wait_until_said(worker, "ready.")

    # ── reading while the database may be away ───────────────────────────────────────────────

    def rows(self, query: str, **values: object) -> list:
        read = super().rows
        return self.patiently(lambda: read(query, **values))

    def violations(self) -> list[str]:
        return self.patiently(super().violations)

    def patiently(self, work: Callable[[], Read]) -> Read:
        """Do what may be done twice; again while the database is away, for two minutes."""
        deadline = time.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                return work()
            except DBAPIError as error:
                if not is_away(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def is_away(error: DBAPIError) -> bool:
    """Whether an error means that the database was away, rather than that a statement is wrong."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
