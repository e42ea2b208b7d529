"""`flask jobs …`: the job table in a terminal."""

from importlib import import_module
from uuid import uuid4

import pytest
from kombu import Connection, Exchange, Queue

from tests import making
from tests.waiting import wait_for
from webapp.app import create_app
from webapp.domain.models.job import Job
from webapp.domain.settings import settings


def flask(*arguments):
    return create_app().test_cli_runner().invoke(args=["jobs", *map(str, arguments)])


@pytest.fixture
def job_id(committed):
    with committed.begin() as session:
        return making.job_of(session, making.generation(session, request_id="order-9")).id


def test_a_job_is_shown_with_every_column(committed, job_id):
    shown = flask("show", job_id)
    assert shown.exit_code == 0, shown.output
    for text in ("published_at", "lease_until", "fence", "order-9"):
        assert text in shown.output


def test_jobs_are_listed_by_state(committed, job_id):
    assert "render_images" in flask("list", "--state", "queued").output
    assert "render_images" not in flask("list", "--state", "running").output


def test_the_jobs_of_one_picture_are_listed(committed, job_id):
    with committed.begin() as session:
        ref = session.get_one(Job, job_id).ref
    listed = flask("list", "--kind", "generation", "--ref", ref)
    assert "render_images" in listed.output, listed.output
    for other in (("--ref", ref + 1), ("--kind", "training", "--ref", ref)):
        assert "render_images" not in flask("list", *other).output


def test_dead_letters_are_shown_and_stay(committed, job_id, broker_url, monkeypatch):
    name = f"dead_letters-{uuid4()}"
    exchange = Exchange(name, type="fanout")
    own = Queue(name, exchange, queue_arguments={"x-queue-type": "quorum"})
    module = import_module("webapp.cli.jobs")
    own_settings = settings().model_copy(update={"broker_url": broker_url})
    monkeypatch.setattr(module, "settings", lambda: own_settings)
    monkeypatch.setattr(module, "DEAD_LETTER_QUEUE", own)
    with Connection(broker_url) as connection:
        queue = connection.SimpleQueue(own)
        try:
            assert flask("dead-letters").output == ""
            queue.put([[], {"job_id": job_id}, {}], headers={"task": "render_images"})
            shown = f'render_images {{"job_id": {job_id}}}\n'
            for _ in range(2):
                # The broker takes a moment to have it, and to have it again.
                wait_for(lambda: flask("dead-letters").output == shown, "the message")
        finally:
            queue.queue.delete()
            exchange(connection.default_channel).delete()


def test_a_waiting_job_is_published_by_hand_and_an_unknown_one_is_an_error(committed, job_id):
    assert flask("retry", job_id).output == f"Job {job_id} was published.\n"
    unknown = flask("retry", 10**9)
    assert (unknown.exit_code, unknown.output) == (1, "Error: Job 1000000000 is not waiting.\n")
