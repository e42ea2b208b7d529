"""Doubles bells: an exact copy of some messages goes into its queue again, at once or much later."""

import heapq
import random
import threading
import time

from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError

from celery_config import QueueName

MARK = "copied"
LATEST_SECONDS = 4.0


class Doubler:
    """Listens to every exchange on a queue of its own and publishes copies."""

    def __init__(self, broker_url: str, *, share: float, seed: int) -> None:
        self.copies = 0
        self._url = broker_url
        self._share = share
        self._chance = random.Random(seed)
        self._later: list[tuple[float, int, dict]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Doubler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._copy_until_the_broker_goes()
            except (OperationalError, OSError):
                self._stopped.wait(0.2)

    def _copy_until_the_broker_goes(self) -> None:
        with Connection(self._url, connect_timeout=2, heartbeat=10) as connection:
            channel = connection.channel()
            bindings = [
                Queue(
                    "tap",
                    Exchange(name.value, type="direct"),
                    routing_key=name.value,
                    exclusive=True,
                    durable=False,
                )
                for name in QueueName
            ]
            for binding in bindings:
                binding(channel).declare()
            producer = Producer(channel)
            with Consumer(channel, bindings[:1], callbacks=[self._consider], no_ack=True):
                while not self._stopped.is_set():
                    try:
                        connection.drain_events(timeout=0.1)
                    except TimeoutError:
                        pass
                    self._publish_due(producer)

    def _consider(self, _body: object, message) -> None:
        if message.headers.get(MARK) or self._chance.random() >= self._share:
            return
        late = self._chance.choice([0.0, self._chance.uniform(0, LATEST_SECONDS)])
        copy = {
            "body": message.body,
            "content_type": message.content_type,
            "content_encoding": message.content_encoding,
            "headers": message.headers | {MARK: True},
            "exchange": message.delivery_info["exchange"],
            "routing_key": message.delivery_info["routing_key"],
            "correlation_id": message.properties.get("correlation_id"),
        }
        heapq.heappush(self._later, (time.monotonic() + late, self.copies, copy))
        self.copies += 1

    def _publish_due(self, producer: Producer) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            _, _, copy = heapq.heappop(self._later)
            producer.publish(**copy)
