"""The relay: the only publisher of tasks. Run it as `python -m webapp.domain.relay`.

Each loop requeues jobs with expired leases, ends overdue ones, marks due ones, commits, and only
then publishes, with confirms and socket timeouts. Any number of relays may run. NOTIFY is a hint
that shortens the wait; a lost hint costs at most one loop. A loop that published everything that
was due writes a heartbeat.
"""

import select
import signal
import time
from dataclasses import asdict
from datetime import timedelta
from types import FrameType

import psycopg2
import structlog
from amqp.exceptions import MessageNacked
from celery import Celery
from kombu import Producer
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


def sweep(celery: Celery) -> int:
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
    published, counts = _publish(celery, due)
    if published == len(due):
        every = timedelta(0) if counts else HEARTBEAT_EVERY
        with unit_of_work() as session:
            heartbeats.beat(session, heartbeats.RELAY, counts, every=every)
    return published


def _publish(celery: Celery, due: list[DueJob]) -> tuple[int, dict[str, int] | None]:
    """Publish due jobs; return how many were confirmed, and counts read from the broker."""
    published = 0
    counts = None
    if not due:
        return published, counts
    try:
        # A new connection for each loop: a broken or half confirmed one is never reused.
        with celery.connection_for_write() as connection:
            connection.ensure_connection(**PUBLISH_RETRIES)
            # Without a queue behind it, the dead-letter exchange would drop its messages.
            dead_letters = DEAD_LETTER_QUEUE(connection.default_channel)
            dead_letters.exchange.declare()
            counts = {"dead_letters": dead_letters.queue_declare().message_count}
            dead_letters.queue_bind()
            with celery.amqp.Producer(connection) as producer:
                for job in due:
                    send(
                        celery,
                        job.step,
                        producer=producer,
                        request_id=job.request_id,
                        job_id=job.job_id,
                    )
                    published += 1
                    log.info("job published", **asdict(job))
                    failpoint("after_publish")
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
    celery = make_celery(settings().broker_url)
    listener = Listener(settings().database_session_url)
    log.info("relay started")
    while not stopping:
        try:
            sweep(celery)
        except (OperationalError, InterfaceError):
            log.warning("database unavailable")
        listener.wait(LOOP_SECONDS)
    log.info("relay stopped")


if __name__ == "__main__":
    run()
