"""The relay: the only sender of tasks. Run it as `python -m webapp.domain.relay`.

Each loop takes back expired leases, ends what is overdue, marks due jobs, commits, and only then
publishes, with confirms and socket timeouts. Any number of copies may run. NOTIFY is a hint that
shortens the wait; a lost hint costs at most one loop. A loop that rang all that was due leaves a
heartbeat.
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
from webapp.domain.due_jobs import Bell
from webapp.domain.services import heartbeats
from webapp.domain.settings import settings

log = structlog.get_logger()
LOOP_SECONDS = 0.5
HEARTBEAT_EVERY = timedelta(seconds=5)
PUBLISH_RETRIES = {"max_retries": 1, "interval_start": 0.1}


def sweep(celery: Celery) -> int:
    """Run one loop; return how many bells were rung."""
    with unit_of_work() as session:
        lost = due_jobs.take_back_expired(session)
        overdue = due_jobs.end_overdue(session)
        bells = due_jobs.mark_due(session, repeat_seconds=settings().bell_repeat_seconds)
    if not settings().gpu_bells:
        # Nobody would hear them, and they would lie in their queues for ever.
        bells = [bell for bell in bells if ROUTES[bell.step] not in GPU_QUEUES]
    failpoint("after_mark")
    if lost or overdue:
        log.warning("jobs taken back", expired_leases=lost, overdue=overdue)
    rung, found = _ring(celery, bells)
    if rung == len(bells):
        every = timedelta(0) if found else HEARTBEAT_EVERY
        with unit_of_work() as session:
            heartbeats.beat(session, heartbeats.RELAY, found, every=every)
    return rung


def _ring(celery: Celery, bells: list[Bell]) -> tuple[int, dict[str, int] | None]:
    """Publish the bells; return how many were rung, and what was seen at the broker."""
    rung = 0
    found = None
    if not bells:
        return rung, found
    try:
        # This loop's own connection: nothing half open or half confirmed is ever used again.
        with celery.connection_for_write() as connection:
            connection.ensure_connection(**PUBLISH_RETRIES)
            # Without a queue behind it, the dead-letter exchange would drop what it is given.
            dead_letters = DEAD_LETTER_QUEUE(connection.default_channel)
            dead_letters.exchange.declare()
            found = {"dead_letters": dead_letters.queue_declare().message_count}
            dead_letters.queue_bind()
            with celery.amqp.Producer(connection) as producer:
                for bell in bells:
                    send(
                        celery,
                        bell.step,
                        producer=producer,
                        request_id=bell.request_id,
                        job_id=bell.job_id,
                    )
                    rung += 1
                    log.info("bell rung", **asdict(bell))
                    failpoint("after_publish")
    except (BrokerUnavailable, MessageNacked, OSError) as error:
        log.warning("broker away", error=type(error).__name__, waiting=len(bells) - rung)
        with unit_of_work() as session:
            due_jobs.unmark(session, bells[rung:])
    return rung, found


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
    """Waits for NOTIFY on its own connection; without one it simply sleeps."""

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
    """Ring until told to stop."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    logs.start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    celery = make_celery(settings().broker_url)
    listener = Listener(settings().database_url)
    log.info("relay started")
    while not stopping:
        try:
            sweep(celery)
        except (OperationalError, InterfaceError):
            log.warning("database away")
        listener.wait(LOOP_SECONDS)
    log.info("relay stopped")


if __name__ == "__main__":
    run()
