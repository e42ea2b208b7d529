"""The relay against a real RabbitMQ, and against none."""

import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from kombu import Connection, Queue
from sqlalchemy import select
from structlog.testing import capture_logs

from celery_config import DEAD_LETTER_QUEUE, ROUTES, QueueName, TaskName, make_celery
from tests import making
from tests.broker import free_port
from tests.waiting import wait_for
from webapp.domain import jobs, relay
from webapp.domain.models.heartbeat import Heartbeat
from webapp.domain.models.job import Job
from webapp.domain.services import heartbeats, job_attempts
from webapp.domain.settings import settings


def empty_queues(url):
    with Connection(url) as connection:
        for name in QueueName:
            channel = connection.channel()
            try:
                channel.queue_purge(name.value)
            except connection.channel_errors:
                pass  # not declared yet
            else:
                channel.close()


@pytest.fixture
def celery(broker_url):
    empty_queues(broker_url)
    made = make_celery(broker_url)
    yield made
    made.close()
    empty_queues(broker_url)


def consumed(url, queue):
    """Consume every message of a queue; return (task, ids) of each."""
    messages = []
    with Connection(url) as connection:
        simple = connection.SimpleQueue(made_queue(queue))
        try:
            while True:
                message = simple.get(block=True, timeout=0.3)
                message.ack()
                args, kwargs, _ = message.payload
                assert args == []
                messages.append((message.headers["task"], kwargs))
        except simple.Empty:
            pass
        finally:
            simple.close()
    return messages


def count(connection, queue):
    return queue(connection.default_channel).queue_declare(passive=True).message_count


def made_queue(name):
    return next(queue for queue in make_celery("amqp://").conf.task_queues if queue.name == name)


@pytest.fixture
def waiting(committed):
    """Three images and a training, committed and due."""
    with committed.begin() as session:
        images = making.order(session, making.user(session), making.style(session), count=3)
        run = making.training(session)
        rows = [*images, run]
        return [making.job_of(session, row).id for row in rows]


def published(committed):
    with committed() as session:
        return [
            job.published_at is not None for job in session.scalars(select(Job).order_by(Job.id))
        ]


def test_due_jobs_are_published_once_on_the_queue_of_their_step(
    celery, broker_url, committed, waiting
):
    assert relay.sweep(celery) == 4
    assert relay.sweep(celery) == 0

    assert consumed(broker_url, "image_generation") == [
        ("render_images", {"job_id": job_id}) for job_id in waiting[:3]
    ]
    assert consumed(broker_url, "uploads") == [("validate_uploads", {"job_id": waiting[3]})]
    assert published(committed) == [True] * 4


def test_gpu_messages_are_not_published_without_gpu_workers(
    celery, broker_url, committed, waiting, monkeypatch
):
    without = settings().model_copy(update={"publish_gpu_messages": False})
    monkeypatch.setattr(relay, "settings", lambda: without)
    assert relay.sweep(celery) == 1
    assert consumed(broker_url, "image_generation") == []
    assert consumed(broker_url, "uploads") == [("validate_uploads", {"job_id": waiting[3]})]


def test_a_message_that_nobody_consumed_is_published_again(celery, broker_url, committed, waiting):
    relay.sweep(celery)
    with committed.begin() as session:
        for job_id in waiting:
            late = jobs.NOW - relay.jobs.timedelta(seconds=settings().republish_seconds + 1)
            making.change_job(session, job_id, published_at=late)
    assert relay.sweep(celery) == 4
    assert len(consumed(broker_url, "image_generation")) == 6


def test_a_poisonous_message_is_kept_to_be_looked_at(celery, broker_url, committed, waiting):
    relay.sweep(celery)
    with Connection(broker_url) as connection:
        poisonous = connection.SimpleQueue(made_queue("uploads"))
        poisonous.get(timeout=5).reject()
        poisonous.close()
        dead_letters = connection.SimpleQueue(DEAD_LETTER_QUEUE)
        message = dead_letters.get(timeout=5)
        message.ack()
        dead_letters.close()
    assert message.payload[1] == {"job_id": waiting[3]}


def test_a_loop_requeues_expired_leases_and_ends_overdue_jobs(
    celery, broker_url, committed, waiting
):
    with committed.begin() as session:
        lease = jobs.claim(session, waiting[0], TaskName.RENDER_IMAGES, 0)
        making.change_job(session, waiting[1], deadline_at=jobs.NOW)
    assert lease
    relay.sweep(celery)

    assert ("render_images", {"job_id": waiting[0]}) in consumed(broker_url, "image_generation")
    assert consumed(broker_url, "money") == [("refund", {"job_id": waiting[1]})]
    with committed.begin() as session:
        assert job_attempts.abandon(session, waiting[1])


def test_messages_survive_a_broker_and_carry_ids_only(celery, broker_url, waiting):
    relay.sweep(celery)
    with Connection(broker_url) as connection:
        message = connection.default_channel.basic_get("image_generation", no_ack=True)
    assert message.properties["delivery_mode"] == 2
    assert message.properties["content_type"] == "application/json"
    assert json.loads(message.body)[:2] == [[], {"job_id": waiting[0]}]


def test_a_message_has_the_id_of_the_request_that_created_its_job(celery, broker_url, waiting):
    with capture_logs() as lines:
        relay.sweep(celery)
    with Connection(broker_url) as connection:
        message = connection.default_channel.basic_get("image_generation", no_ack=True)
    assert message.headers["request_id"] == "request-1"
    [line] = [line for line in lines if line.get("job_id") == waiting[0]]
    assert (line["event"], line["request_id"]) == ("job published", "request-1")


def test_a_loop_that_published_all_writes_a_heartbeat_with_the_dead_letters(
    celery, broker_url, committed, waiting
):
    relay.sweep(celery)
    with Connection(broker_url) as connection:
        poisonous = connection.SimpleQueue(made_queue("uploads"))
        poisonous.get(timeout=5).reject()
        poisonous.close()
        wait_for(lambda: count(connection, DEAD_LETTER_QUEUE) == 1, "the dead letter", seconds=30)
        with committed.begin() as session:
            making.change_job(session, waiting[0], published_at=None)
        relay.sweep(celery)
        with committed() as session:
            assert session.get(Heartbeat, heartbeats.RELAY).numbers == {"dead_letters": 1}
        dead_letters = connection.SimpleQueue(DEAD_LETTER_QUEUE)
        dead_letters.get(timeout=5).ack()
        dead_letters.close()
    relay.sweep(celery)
    with committed() as session:
        assert session.get(Heartbeat, heartbeats.RELAY).numbers == {"dead_letters": 1}


def test_the_dead_letter_queue_is_declared_once_per_loop(celery, broker_url, waiting, monkeypatch):
    declared = []
    declare = Queue.queue_declare

    def counted(queue, *args, **kwargs):
        declared.append(queue.name)
        return declare(queue, *args, **kwargs)

    monkeypatch.setattr(Queue, "queue_declare", counted)
    assert relay.sweep(celery) == 4
    assert declared.count(DEAD_LETTER_QUEUE.name) == 1


def test_queues_are_quorum_queues_that_stop_poison(celery, broker_url, waiting):
    relay.sweep(celery)
    with Connection(broker_url) as connection:
        channel = connection.channel()
        wrong = {"queue": "image_generation", "durable": True, "auto_delete": False}
        with pytest.raises(connection.channel_errors, match="PRECONDITION_FAILED"):
            channel.queue_declare(**wrong)
    queue = made_queue("image_generation")
    assert queue.queue_arguments["x-delivery-limit"] == 5
    assert queue.queue_arguments["x-dead-letter-exchange"] == "dead_letters"


def test_without_the_broker_the_jobs_stay_due_and_the_relay_lives(committed, waiting, environment):
    celery = make_celery(f"amqp://guest:guest@127.0.0.1:{free_port()}//")
    began = time.monotonic()
    assert relay.sweep(celery) == 0
    assert relay.sweep(celery) == 0
    assert time.monotonic() - began < 20  # a hang would be minutes
    with committed() as session:
        assert session.get(Heartbeat, heartbeats.RELAY) is None
    assert published(committed) == [False] * 4
    celery.close()


class Cable:
    """A TCP way to the broker that can be cut and mended."""

    def __init__(self, target):
        self.target, self.port, self.pairs, self.listener = target, free_port(), [], None

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for ends in self.pairs:
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self.pairs.clear()

    def _accept(self, listener):
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self.pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def test_when_the_broker_is_back_every_job_is_published(broker_url, celery, committed, waiting):
    cable = Cable(Connection(broker_url).port)
    cable.mend()
    cut_off = make_celery(f"amqp://guest:guest@127.0.0.1:{cable.port}//")
    try:
        assert relay.sweep(cut_off) == 4
        with committed.begin() as session:
            for job_id in waiting:
                making.change_job(session, job_id, published_at=None)
        cable.cut()
        assert relay.sweep(cut_off) == 0
        assert published(committed) == [False] * 4
        cable.mend()
        assert relay.sweep(cut_off) == 4
        assert len(consumed(broker_url, "image_generation")) == 6
    finally:
        cable.cut()
        cut_off.close()


def test_a_publish_that_fails_half_way_unmarks_only_the_rest(
    celery, committed, waiting, monkeypatch
):
    sent = []

    def send(*_args, **ids):
        if len(sent) == 2:
            raise OSError("the broker went away")
        sent.append(ids)

    monkeypatch.setattr(relay, "send", send)
    assert relay.sweep(celery) == 2
    assert published(committed) == [True, True, False, False]


def test_two_relays_publish_each_job_once(celery, broker_url, committed, waiting):
    other = make_celery(broker_url)
    threads = [threading.Thread(target=relay.sweep, args=(app,)) for app in (celery, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(consumed(broker_url, "image_generation")) == 3
    assert published(committed) == [True] * 4


def test_a_notification_cuts_the_wait_short(committed, database_url):
    listener = relay.Listener(database_url.render_as_string(hide_password=False))
    listener.wait(0.01)  # connects and listens
    woken = threading.Event()
    waiter = threading.Thread(target=lambda: (listener.wait(60), woken.set()))
    waiter.start()
    while not woken.wait(0.05):
        with committed.begin() as session:
            jobs.wake_relay(session)
    waiter.join()


def test_without_a_database_the_listener_just_waits():
    listener = relay.Listener(f"postgresql+psycopg2://nobody@127.0.0.1:{free_port()}/none")
    listener.wait(0.01)
    assert listener._connection is None


def test_every_step_has_a_queue():
    assert set(ROUTES) == set(TaskName)
