"""`make bench-dispatch`: how long a message takes from a request to the queue of its task.

Two ways, alternating in one run on one site: an order whose message the relay publishes, and the
same order after which the client publishes a message itself, which is the least that a message can
take. Both are measured from the first byte of the request to the message at a consumer. No worker
runs, so nothing else consumes; the messages of earlier orders are consumed before the next one.
"""

import argparse
import json
import os
import platform
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from kombu import Connection, Producer, Queue
from rich.console import Console

from celery_config import QueueName, make_celery
from tests import making
from tests.client import Person
from tests.stack import BASE_MODEL, Stack
from webapp.domain.services import ledger

FILE = Path("var/bench/dispatch.json")
GOAL = 1.3  # the relay's way, compared with the client's
WARM_UP = 10
MESSAGE_SECONDS = 30


class Site:
    """A running site, a buyer, and a consumer of the messages of their orders."""

    def __init__(self, stack: Stack, connection: Connection) -> None:
        self._connection = connection
        self._buyer = Person(stack.site, "buyer@example.org")
        with stack.session() as session:
            self._style_id = making.style(session, stack.storage, base_model=BASE_MODEL).id
            ledger.grant(session, self._buyer.me["id"], 1_000_000, key="bench")
        celery = make_celery(stack.environment["BROKER_URL"])
        [orders] = [
            queue
            for queue in celery.conf.task_queues
            if queue.name == QueueName.IMAGE_GENERATION.value
        ]
        own = Queue("bench_dispatch", durable=True, queue_arguments=orders.queue_arguments)
        self._raw_queue = own
        self._producer = Producer(connection.channel())
        self._arrived: dict[str, float] = {}
        self._consumers = [
            connection.Consumer([queue], callbacks=[self._arrive], accept=["json"])
            for queue in (orders, own)
        ]
        for consumer in self._consumers:
            consumer.consume()

    def _arrive(self, _body: object, message: object) -> None:
        self._arrived[message.delivery_info["routing_key"]] = time.perf_counter()
        message.ack()

    def _order(self) -> None:
        answer = self._buyer.order(self._style_id, prompt_tags=["boat", secrets.token_hex(4)])
        assert answer.status_code == 201, answer.text

    def _wait_for(self, queue: str) -> float:
        began = time.perf_counter()
        while queue not in self._arrived:
            assert time.perf_counter() - began < MESSAGE_SECONDS, f"no message in {queue}"
            self._connection.drain_events(timeout=MESSAGE_SECONDS)
        return self._arrived.pop(queue)

    def relayed(self) -> float:
        """Seconds from an order to the message that the relay publishes."""
        began = time.perf_counter()
        self._order()
        return self._wait_for(QueueName.IMAGE_GENERATION.value) - began

    def raw(self) -> float:
        """Seconds from an order to a message that the client publishes after the answer."""
        began = time.perf_counter()
        self._order()
        self._producer.publish(
            {"job_id": 1}, routing_key=self._raw_queue.name, delivery_mode=2, retry=False
        )
        seconds = self._wait_for(self._raw_queue.name) - began
        self._wait_for(QueueName.IMAGE_GENERATION.value)
        return seconds


@contextmanager
def site() -> Iterator[Site]:
    """A site on services of its own, of which nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix="style-license-bench-"))
    # A message that nobody claims is published again; not in a bench.
    stack = Stack(folder, changes={"REPUBLISH_SECONDS": "3600"}).start()
    try:
        options = {"confirm_publish": True}
        with Connection(stack.environment["BROKER_URL"], transport_options=options) as connection:
            yield Site(stack, connection)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def alternate(
    ours: Callable[[], float], theirs: Callable[[], float], *, pairs: int
) -> tuple[list[float], list[float]]:
    """Seconds of both ways, run as A B B A."""
    seconds: dict[Callable[[], float], list[float]] = {ours: [], theirs: []}
    for index in range(pairs):
        for way in (ours, theirs) if index % 2 else (theirs, ours):
            seconds[way].append(way())
    return seconds[ours], seconds[theirs]


def main() -> int:
    """Measure, write the figures, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=150)
    arguments = parser.parse_args()
    with site() as measured:
        alternate(measured.relayed, measured.raw, pairs=WARM_UP)
        load = os.getloadavg()[0]
        relayed, raw = alternate(measured.relayed, measured.raw, pairs=arguments.pairs)
    ratio = median(relayed) / median(raw)
    figures = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}",
        "load_before": round(load, 2),
        "relayed_ms": _milliseconds(relayed),
        "raw_ms": _milliseconds(raw),
        "ratio_of_medians": round(ratio, 2),
        "goal": GOAL,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data=figures)
    return int(ratio > GOAL)


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1000 * each for each in seconds)
    return {
        "p50": round(median(ordered), 1),
        "p95": round(ordered[int(0.95 * len(ordered))], 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
