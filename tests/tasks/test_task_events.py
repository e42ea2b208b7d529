"""States that Flower shows, from the events of a real worker at a real broker."""

import secrets
import threading
from contextlib import contextmanager, suppress

import pytest
from celery import states
from celery.events.state import State
from celery.worker import WorkController, state as worker_state
from kombu import Consumer, Queue

import tasks.on_cpu  # noqa: F401 - registers the tasks
from celery_config import TaskName, make_celery
from tests import making
from tests.waiting import wait_for


@pytest.fixture
def celery(broker_url):
    app = make_celery(broker_url)
    app.finalize()
    yield app
    app.close()


@contextmanager
def worker(app, queue):
    """A worker that consumes one queue in a thread."""
    controller = WorkController(app=app, pool="solo", queues=[queue.name], hostname="tests@events")

    def run():
        app.set_current()  # of this thread only
        controller.start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker_state.should_stop = 0
        thread.join(30)
        worker_state.should_stop = None
    assert not thread.is_alive()


@pytest.fixture
def state_of(celery):
    """Run stamp_signature for a job in a worker; return its state and the messages left."""

    def run(job_id):
        queue = Queue(f"test-{secrets.token_hex(8)}", durable=False, expires=60)
        celery.amqp.queues.add(queue)
        with celery.connection_for_write() as connection:
            queue(connection.default_channel).declare()
            events = State()
            receiver = celery.events.Receiver(connection, handlers={"*": events.event})
            consumer = Consumer(
                connection.default_channel,
                queues=[receiver.queue],
                callbacks=[receiver._receive],
                accept=receiver.accept,
                no_ack=True,
            )
            consumer.consume()
            sent = celery.send_task(
                TaskName.STAMP_SIGNATURE.value, kwargs={"job_id": job_id}, queue=queue.name
            )

            def has_ended():
                with suppress(TimeoutError):
                    connection.drain_events(timeout=1)
                task = events.tasks.get(sent.id)
                return task is not None and task.state in states.READY_STATES | {"RETRY", "IGNORED"}

            with worker(celery, queue):
                wait_for(has_ended, "the task to end", seconds=60)
            left = queue(connection.default_channel).queue_declare(passive=True).message_count
            return events.tasks[sent.id].state, left

    return run


@pytest.fixture
def job_id(committed, storage):
    """A rendered image that waits for its signature, and whose raw file is missing."""
    with committed.begin() as session:
        job = making.hand_on_to_stamping(session, storage, making.generation(session, storage))
        storage.delete(job.handover["raw_key"])
        return job.id


def test_an_attempt_that_is_retried_is_shown_as_retry(state_of, job_id):
    assert state_of(job_id) == (states.RETRY, 0)


def test_a_job_that_failed_is_shown_as_failure(committed, state_of, job_id):
    with committed.begin() as session:
        making.change_job(session, job_id, tries=3)
    assert state_of(job_id) == (states.FAILURE, 0)


def test_a_stale_message_is_shown_as_ignored(committed, storage, state_of):
    assert state_of(10**9) == ("IGNORED", 0)


def test_a_stamped_image_is_shown_as_success(committed, storage, state_of):
    with committed.begin() as session:
        image = making.generation(session, storage)
        job = making.hand_on_to_stamping(session, storage, image)
    assert state_of(job.id) == (states.SUCCESS, 0)
