"""A webhook is sent to a real server, signed, and its answer decides."""

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from style_license import verify_webhook

from tasks.on_cpu.deliver_webhook import SHOWN, deliver_webhook
from tests import making
from tests.failing_server import failing_server
from tests.processes import ROOT
from webapp.domain import due_jobs, jobs
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.outgoing_webhook import Webhook, WebhookDelivery, WebhookEvent
from webapp.domain.services import outgoing_webhooks
from webapp.domain.services.webhook_deliveries import Outcome
from webapp.domain.settings import settings


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setenv("WEBHOOKS_MAY_BE_LOCAL", "true")
    settings.cache_clear()
    with failing_server() as running:
        yield running
    settings.cache_clear()


@pytest.fixture
def webhook(committed, receiver):
    with committed.begin() as session:
        person = making.user(session)
        return outgoing_webhooks.create(
            session, user=person, url=f"{receiver.url}/hook", events=[WebhookEvent.STYLE_TRAINED]
        )


@pytest.fixture
def job_id(committed, webhook):
    """The job of one message."""
    with committed.begin() as session:
        user_id = session.scalar(select(Webhook.user_id))
        data = {"style_id": 4, "is_on_sale": True}
        outgoing_webhooks.tell(session, user_id, WebhookEvent.STYLE_TRAINED, data)
        return session.scalars(select(Job.id).where(Job.kind == JobKind.WEBHOOK_DELIVERY)).one()


def make_due(committed, job_id):
    with committed.begin() as session:
        jobs.make_due(session, job_id)


def state(committed):
    with committed() as session:
        delivery = session.scalars(select(WebhookDelivery)).one()
        job = session.scalars(select(Job)).one()
        return delivery.status, delivery.last_status, delivery.last_problem, job.state


def test_a_message_arrives_once_and_can_be_verified(committed, receiver, webhook, job_id):
    deliver_webhook(job_id=job_id)
    [(method, path, body, headers)] = receiver.requests
    assert (method, path, headers["Content-Type"]) == ("POST", "/hook", "application/json")
    message = verify_webhook(body, headers, webhook.secret)
    assert (message.type, message.data) == ("style.trained", {"style_id": 4, "is_on_sale": True})
    assert state(committed) == ("delivered", 200, None, JobState.DONE)
    deliver_webhook(job_id=job_id)
    assert len(receiver.requests) == 1


def test_a_message_that_was_refused_is_sent_again_with_the_same_id(committed, receiver, job_id):
    receiver.statuses = [503]
    deliver_webhook(job_id=job_id)
    assert state(committed) == ("queued", 503, None, JobState.QUEUED)
    deliver_webhook(job_id=job_id)  # it is not due yet
    make_due(committed, job_id)
    deliver_webhook(job_id=job_id)
    assert state(committed) == ("delivered", 200, None, JobState.DONE)
    ids = [headers["webhook-id"] for *_, headers in receiver.requests]
    assert (len(ids), len(set(ids))) == (2, 1)


def test_a_redirect_is_a_failure(committed, receiver, job_id):
    with failing_server() as other:
        receiver.statuses, receiver.location = [302], other.url
        deliver_webhook(job_id=job_id)
        assert other.requests == []
    assert state(committed) == ("queued", 302, None, JobState.QUEUED)


def test_production_sends_nothing_to_this_machine(committed, receiver, job_id, monkeypatch):
    monkeypatch.setenv("WEBHOOKS_MAY_BE_LOCAL", "false")
    settings.cache_clear()
    deliver_webhook(job_id=job_id)
    assert state(committed) == ("queued", None, "address_refused", JobState.QUEUED)
    assert receiver.requests == []


def test_410_ends_it(committed, receiver, job_id):
    receiver.statuses = [410]
    deliver_webhook(job_id=job_id)
    assert state(committed) == ("failed", 410, None, JobState.DONE)


def test_a_message_whose_process_is_killed_is_sent_again_with_the_same_id(
    committed, receiver, job_id
):
    arrived, is_killed = threading.Event(), threading.Event()

    def hang():
        arrived.set()
        is_killed.wait(60)

    receiver.on_request = hang
    code = "import sys; from tasks.on_cpu.deliver_webhook import deliver_webhook as deliver;"
    code += "deliver(job_id=int(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", code, str(job_id)], cwd=ROOT)
    try:
        assert arrived.wait(60)
    finally:
        process.kill()
        process.wait()
        is_killed.set()
    assert state(committed) == ("queued", None, None, JobState.RUNNING)
    receiver.on_request = lambda: None
    with committed.begin() as session:
        for lease, until in ((Job, "lease_until"), (Webhook, "busy_until")):
            session.execute(update(lease).values({until: jobs.NOW - timedelta(seconds=1)}))
        assert due_jobs.requeue_expired(session) == 1
    deliver_webhook(job_id=job_id)
    assert state(committed) == ("delivered", 200, None, JobState.DONE)
    ids = [headers["webhook-id"] for *_, headers in receiver.requests]
    assert (len(ids), len(set(ids))) == (2, 1)


def test_every_outcome_has_one_that_celery_shows():
    assert set(SHOWN) == set(Outcome)


def test_storage_is_not_needed(committed, receiver, job_id, monkeypatch):
    monkeypatch.setenv("STORAGE_URL", "not-given")
    settings.cache_clear()
    deliver_webhook(job_id=job_id)
    assert state(committed)[0] == "delivered"
