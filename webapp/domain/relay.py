"""The relay: the only publisher of tasks. Run it as `python -m webapp.domain.relay`.

Each loop requeues jobs with expired leases, ends overdue ones, marks due ones, commits, and only
then publishes, with confirms and socket timeouts. Any number of relays may run. NOTIFY is a hint
that shortens the wait; a lost hint costs at most one loop. A loop that published everything that
was due writes a heartbeat.
"""

import select
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import timedelta
from types import FrameType

import psycopg2
import structlog
from amqp.exceptions import MessageNacked
from celery import Celery
from kombu import Connection, Producer
from kombu.exceptions import OperationalError as BrokerUnavailable
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError

import logs
from celery_config import DEAD_LETTER_QUEUE, GPU_QUEUES, ROUTES, TaskName, make_celery
from failpoints import failpoint
from webapp.domain import due_jobs, jobs
from webapp.domain.db import unit_of_work
from webapp.domain.due_jobs import DueJob
from webapp.domain.services import heartbeats
from webapp.domain.settings import settings

log = structlog.get_logger()
LOOP_SECONDS = 0.5
HEARTBEAT_EVERY = timedelta(seconds=5)
PUBLISH_RETRIES = {"max_retries": 1, "interval_start": 0.1}
# Below the broker's patience with a client that sends no AMQP heartbeats (`broker_heartbeat`).
CONNECTION_SECONDS = 30


class Publisher:
    """A connection to the broker and its producer, used for at most CONNECTION_SECONDS.

    A new connection declares the queues again, as somebody may have deleted one. One that failed is
    not used again, because some of its messages may be unconfirmed.
    """

    def __init__(self, celery: Celery) -> None:
        self.celery = celery
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._opened_at = 0.0

    @contextmanager
    def producer(self) -> Iterator[Producer]:
        """Give a producer, connected if the broker can be reached."""
        try:
            if self._producer is None:
                self._producer = self._open()
            yield self._producer
        except BaseException:
            self._drop()
            raise

    def _open(self) -> Producer:
        self._opened_at = time.monotonic()
        self._connection = self.celery.connection_for_write()
        self._connection.ensure_connection(**PUBLISH_RETRIES)
        # Without a queue behind it, the dead-letter exchange would drop its messages.
        DEAD_LETTER_QUEUE(self._connection.default_channel).declare()
        return self.celery.amqp.Producer(self._connection)

    def close_if_old(self) -> None:
        """Close a connection that was used for CONNECTION_SECONDS."""
        if self._connection is not None and time.monotonic() - self._opened_at > CONNECTION_SECONDS:
            self.close()

    def close(self) -> None:
        """Close the connection in order, if there is one."""
        if self._connection is not None:
            self._connection.release()
        self._connection = self._producer = None

    def _drop(self) -> None:
        """Close the connection without waiting for an answer of the broker."""
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._producer = None


def sweep(publisher: Publisher) -> int:
    """Run one loop; return how many messages were published."""
    with unit_of_work() as session:
        lost = due_jobs.requeue_expired(session)
        overdue = due_jobs.end_overdue(session)
        due = due_jobs.mark_due(session, repeat_seconds=settings().republish_seconds)
    if not settings().publish_gpu_messages:
        # No Celery worker consumes these queues, so their messages would stay for ever.
        due = [job for job in due if ROUTES[job.step] not in GPU_QUEUES]
    failpoint("after_mark")
    if lost or overdue:
        log.warning("jobs requeued", expired_leases=lost, overdue=overdue)
    publisher.close_if_old()
    published, counts = _publish(publisher, due)
    if published == len(due):
        every = timedelta(0) if counts else HEARTBEAT_EVERY
        with unit_of_work() as session:
            heartbeats.beat(session, heartbeats.RELAY, counts, every=every)
    return published


def _publish(publisher: Publisher, due: list[DueJob]) -> tuple[int, dict[str, int] | None]:
    """Publish due jobs; return how many were confirmed, and counts read from the broker."""
    published = 0
    counts = None
    if not due:
        return published, counts
    try:
        with publisher.producer() as producer:
            for job in due:
                send(
                    publisher.celery,
                    job.step,
                    producer=producer,
                    request_id=job.request_id,
                    job_id=job.job_id,
                )
                published += 1
                log.info("job published", **asdict(job))
                failpoint("after_publish")
            dead_letters = DEAD_LETTER_QUEUE(producer.channel).queue_declare()
            counts = {"dead_letters": dead_letters.message_count}
    except (BrokerUnavailable, MessageNacked, OSError) as error:
        log.warning(
            "broker unavailable", error=type(error).__name__, unpublished=len(due) - published
        )
        with unit_of_work() as session:
            due_jobs.unmark(session, due[published:])
    return published, counts


def send(
    celery: Celery,
    task: TaskName,
    *,
    producer: Producer | None = None,
    request_id: str = "",
    **ids: int,
) -> None:
    """Publish one task to its queue; raises when the broker does not confirm it."""
    celery.send_task(
        task.value,
        kwargs=ids,
        headers={"request_id": request_id},
        queue=ROUTES[task].value,
        producer=producer,
        retry=True,
        retry_policy=PUBLISH_RETRIES,
    )


class Listener:
    """Waits for NOTIFY on its own connection; sleeps while the database is unavailable."""

    def __init__(self, database_url: str) -> None:
        self._url = make_url(database_url).set(drivername="postgresql")
        self._connection: psycopg2.extensions.connection | None = None

    def wait(self, seconds: float) -> None:
        """Return at a notification, or after that many seconds."""
        try:
            if self._connection is None:
                dsn = self._url.render_as_string(hide_password=False)
                self._connection = psycopg2.connect(dsn, connect_timeout=5)
                self._connection.autocommit = True
                self._connection.cursor().execute(f"LISTEN {jobs.NOTIFY_CHANNEL}")
            if select.select([self._connection], [], [], seconds)[0]:
                self._connection.poll()
                self._connection.notifies.clear()
        except (psycopg2.Error, OSError):
            self._connection = None
            time.sleep(seconds)


def run() -> None:
    """Publish due jobs until SIGTERM or SIGINT."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    logs.start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    listener = Listener(settings().database_session_url)
    with closing(Publisher(make_celery(settings().broker_url))) as publisher:
        log.info("relay started")
        while not stopping:
            try:
                sweep(publisher)
            except (OperationalError, InterfaceError):
                log.warning("database unavailable")
            listener.wait(LOOP_SECONDS)
    log.info("relay stopped")


if __name__ == "__main__":
    run()
