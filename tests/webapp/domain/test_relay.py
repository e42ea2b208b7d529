"""The relay against a real RabbitMQ, and against none."""

import json
import socket
import threading
from contextlib import closing, suppress

import pytest
from kombu import Connection
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
        for name in (*QueueName, DEAD_LETTER_QUEUE.name):
            channel = connection.channel()
            try:
                channel.queue_purge(name)
            except connection.channel_errors:
                pass  # not declared yet
            else:
                channel.close()


def publisher_to(url):
    return closing(relay.Publisher(make_celery(url)))


@pytest.fixture
def publisher(broker_url):
    empty_queues(broker_url)
    with publisher_to(broker_url) as made:
        yield made
    empty_queues(broker_url)


def consumed(url, queue, *, expected=0):
    """Consume every message of a queue, at least those expected; return (task, ids) of each."""
    messages = []
    with Connection(url) as connection:
        simple = connection.SimpleQueue(made_queue(queue))
        try:
            while True:
                message = simple.get(timeout=60 if len(messages) < expected else 0.3)
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
    publisher, broker_url, committed, waiting
):
    assert relay.sweep(publisher) == 4
    assert relay.sweep(publisher) == 0

    assert consumed(broker_url, "image_generation", expected=3) == [
        ("render_images", {"job_id": job_id}) for job_id in waiting[:3]
    ]
    uploads = [("validate_uploads", {"job_id": waiting[3]})]
    assert consumed(broker_url, "uploads", expected=1) == uploads
    assert published(committed) == [True] * 4


def test_gpu_messages_are_not_published_without_gpu_workers(
    publisher, broker_url, committed, waiting, monkeypatch
):
    without = settings().model_copy(update={"publish_gpu_messages": False})
    monkeypatch.setattr(relay, "settings", lambda: without)
    assert relay.sweep(publisher) == 1
    assert consumed(broker_url, "image_generation") == []
    uploads = [("validate_uploads", {"job_id": waiting[3]})]
    assert consumed(broker_url, "uploads", expected=1) == uploads


def test_a_message_that_nobody_consumed_is_published_again(
    publisher, broker_url, committed, waiting
):
    relay.sweep(publisher)
    with committed.begin() as session:
        for job_id in waiting:
            late = jobs.NOW - relay.jobs.timedelta(seconds=settings().republish_seconds + 1)
            making.change_job(session, job_id, published_at=late)
    assert relay.sweep(publisher) == 4
    assert len(consumed(broker_url, "image_generation", expected=6)) == 6


def test_a_poisonous_message_is_kept_to_be_looked_at(publisher, broker_url, committed, waiting):
    relay.sweep(publisher)
    with Connection(broker_url) as connection:
        poisonous = connection.SimpleQueue(made_queue("uploads"))
        poisonous.get(timeout=60).reject()
        poisonous.close()
        dead_letters = connection.SimpleQueue(DEAD_LETTER_QUEUE)
        message = dead_letters.get(timeout=60)
        message.ack()
        dead_letters.close()
    assert message.payload[1] == {"job_id": waiting[3]}


def test_a_loop_requeues_expired_leases_and_ends_overdue_jobs(
    publisher, broker_url, committed, waiting
):
    with committed.begin() as session:
        lease = jobs.claim(session, waiting[0], TaskName.RENDER_IMAGES, 0)
        making.change_job(session, waiting[1], deadline_at=jobs.NOW)
    assert lease
    relay.sweep(publisher)

    rendering = consumed(broker_url, "image_generation", expected=1)
    assert ("render_images", {"job_id": waiting[0]}) in rendering
    refunds = [("refund", {"job_id": waiting[1]})]
    assert consumed(broker_url, "money", expected=1) == refunds
    with committed.begin() as session:
        assert job_attempts.abandon(session, waiting[1])


def test_messages_survive_a_broker_and_carry_ids_only(publisher, broker_url, waiting):
    relay.sweep(publisher)
    with Connection(broker_url) as connection:
        message = connection.default_channel.basic_get("image_generation", no_ack=True)
    assert message.properties["delivery_mode"] == 2
    assert message.properties["content_type"] == "application/json"
    assert json.loads(message.body)[:2] == [[], {"job_id": waiting[0]}]


def test_a_message_has_the_id_of_the_request_that_created_its_job(publisher, broker_url, waiting):
    with capture_logs() as lines:
        relay.sweep(publisher)
    with Connection(broker_url) as connection:
        message = connection.default_channel.basic_get("image_generation", no_ack=True)
    assert message.headers["request_id"] == "request-1"
    [line] = [line for line in lines if line.get("job_id") == waiting[0]]
    assert (line["event"], line["request_id"]) == ("job published", "request-1")


def test_a_loop_that_published_all_writes_a_heartbeat_with_the_dead_letters(
    publisher, broker_url, committed, waiting
):
    relay.sweep(publisher)
    with Connection(broker_url) as connection:
        poisonous = connection.SimpleQueue(made_queue("uploads"))
        poisonous.get(timeout=60).reject()
        poisonous.close()
        wait_for(lambda: count(connection, DEAD_LETTER_QUEUE) == 1, "the dead letter", seconds=30)
        with committed.begin() as session:
            making.change_job(session, waiting[0], published_at=None)
        relay.sweep(publisher)
        with committed() as session:
            assert session.get(Heartbeat, heartbeats.RELAY).numbers == {"dead_letters": 1}
        dead_letters = connection.SimpleQueue(DEAD_LETTER_QUEUE)
        dead_letters.get(timeout=60).ack()
        dead_letters.close()
    relay.sweep(publisher)
    with committed() as session:
        assert session.get(Heartbeat, heartbeats.RELAY).numbers == {"dead_letters": 1}


def test_queues_are_quorum_queues_that_stop_poison(publisher, broker_url, waiting):
    relay.sweep(publisher)
    with Connection(broker_url) as connection:
        channel = connection.channel()
        wrong = {"queue": "image_generation", "durable": True, "auto_delete": False}
        with pytest.raises(connection.channel_errors, match="PRECONDITION_FAILED"):
            channel.queue_declare(**wrong)
    queue = made_queue("image_generation")
    assert queue.queue_arguments["x-delivery-limit"] == 5
    assert queue.queue_arguments["x-dead-letter-exchange"] == "dead_letters"


def test_without_the_broker_the_jobs_stay_due_and_the_relay_lives(committed, waiting, environment):
    with publisher_to(f"amqp://guest:guest@127.0.0.1:{free_port()}//") as publisher:
        assert relay.sweep(publisher) == 0
        assert relay.sweep(publisher) == 0
    with committed() as session:
        assert session.get(Heartbeat, heartbeats.RELAY) is None
    assert published(committed) == [False] * 4


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


@pytest.fixture
def cable(broker_url):
    made = Cable(Connection(broker_url).port)
    made.mend()
    yield made
    made.cut()


@pytest.fixture
def cut_off(cable, broker_url):
    empty_queues(broker_url)
    with publisher_to(f"amqp://guest:guest@127.0.0.1:{cable.port}//") as made:
        yield made
    empty_queues(broker_url)


def make_due(committed, ids):
    with committed.begin() as session:
        for job_id in ids:
            making.change_job(session, job_id, published_at=None)


def test_when_the_broker_is_back_every_job_is_published(
    cable, cut_off, broker_url, committed, waiting
):
    assert relay.sweep(cut_off) == 4
    make_due(committed, waiting)
    cable.cut()
    assert relay.sweep(cut_off) == 0
    assert published(committed) == [False] * 4
    cable.mend()
    assert relay.sweep(cut_off) == 4
    assert len(consumed(broker_url, "image_generation", expected=6)) == 6


def test_a_connection_that_broke_in_between_is_replaced_and_nothing_is_lost(
    cable, cut_off, broker_url, committed, waiting
):
    assert relay.sweep(cut_off) == 4
    cable.cut()
    cable.mend()
    make_due(committed, waiting)
    while published(committed) != [True] * 4:
        relay.sweep(cut_off)
    assert len(consumed(broker_url, "image_generation")) >= 6


def connection_of(publisher):
    with publisher.producer() as producer:
        return producer.connection


def test_one_connection_serves_many_loops_and_is_replaced_when_it_is_old(
    publisher, committed, waiting, monkeypatch
):
    first = connection_of(publisher)
    for _ in range(2):
        assert relay.sweep(publisher) == 4
        assert connection_of(publisher) is first
        make_due(committed, waiting)

    monkeypatch.setattr(relay, "CONNECTION_SECONDS", 0)
    assert relay.sweep(publisher) == 4
    assert connection_of(publisher) is not first
    assert not first.connected


def test_a_queue_that_was_deleted_is_declared_by_the_next_connection(
    publisher, broker_url, committed, waiting, monkeypatch
):
    relay.sweep(publisher)
    with Connection(broker_url) as connection:
        connection.default_channel.queue_delete("uploads")
    make_due(committed, waiting)
    monkeypatch.setattr(relay, "CONNECTION_SECONDS", 0)
    relay.sweep(publisher)
    assert consumed(broker_url, "uploads") == [("validate_uploads", {"job_id": waiting[3]})]


def test_a_publish_that_fails_half_way_unmarks_only_the_rest(
    publisher, committed, waiting, monkeypatch
):
    sent = []

    def send(*_args, **ids):
        if len(sent) == 2:
            raise OSError("the broker went away")
        sent.append(ids)

    monkeypatch.setattr(relay, "send", send)
    assert relay.sweep(publisher) == 2
    assert published(committed) == [True, True, False, False]


def test_two_relays_publish_each_job_once(publisher, broker_url, committed, waiting):
    with publisher_to(broker_url) as other:
        threads = [threading.Thread(target=relay.sweep, args=(one,)) for one in (publisher, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
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
