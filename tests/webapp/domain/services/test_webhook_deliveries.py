"""Messages to strangers: tried again for days, at least once, and no longer to who is gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from celery_config import TaskName
from tests import making
from webapp.domain import due_jobs, jobs, webhook_signatures
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.outgoing_webhook import CHOOSABLE, Webhook, WebhookDelivery
from webapp.domain.services import job_attempts, outgoing_webhooks, webhook_deliveries
from webapp.domain.services.webhook_deliveries import (
    DELAYS,
    GIVE_UP,
    Answer,
    Message,
    Outcome,
    begin,
    record,
)

URL = "https://shop.example/webhooks"
GOOD, BAD, GONE = Answer(204), Answer(500), Answer(410)


@pytest.fixture
def person(session):
    return making.user(session)


@pytest.fixture
def webhook(session, person):
    made = outgoing_webhooks.create(session, user=person, url=URL, events=CHOOSABLE)
    return session.get(Webhook, made.id)


@pytest.fixture
def message_id(session, person, webhook):
    return send(session, person, webhook)


def send(session, person, webhook):
    return outgoing_webhooks.send_test(session, user_id=person.id, webhook_id=webhook.id)


def claimed(session, delivery_id):
    """Claim the job of a message, whenever it is due."""
    job_id = session.scalars(select(Job.id).where(Job.ref == delivery_id)).one()
    jobs.make_due(session, job_id)
    return job_attempts.claim(session, job_id, TaskName.DELIVER_WEBHOOK)


def attempt(session, delivery_id, answer):
    lease = claimed(session, delivery_id)
    begun = begin(session, lease)
    return record(session, lease, answer) if isinstance(begun, Message) else begun


def fresh(session, model, row_id):
    return session.get(model, row_id, populate_existing=True)


def told(session):
    return session.scalars(select(Notification.type).order_by(Notification.id)).all()


def test_a_message_is_signed_when_it_is_sent(session, webhook, message_id):
    message = begin(session, claimed(session, message_id))
    delivery = fresh(session, WebhookDelivery, message_id)
    assert (message.url, message.body) == (URL, delivery.body.encode())
    timestamp = int(message.headers["webhook-timestamp"])
    assert abs(timestamp - datetime.now(UTC).timestamp()) < 60
    expected = webhook_signatures.headers(
        [webhook.secret], message_id=delivery.message_id, timestamp=timestamp, body=message.body
    )
    assert message.headers == expected | {"Content-Type": "application/json"}


def test_after_a_change_both_secrets_sign_for_a_day(session, person, webhook, message_id):
    outgoing_webhooks.change_secret(session, user_id=person.id, webhook_id=webhook.id)
    message = begin(session, claimed(session, message_id))
    assert message.headers["webhook-signature"].count("v1,") == 2
    session.execute(
        update(Webhook).values(previous_until=jobs.NOW - timedelta(seconds=1), busy_until=None)
    )
    session.expire_all()
    message = begin(session, claimed(session, send(session, person, webhook)))
    assert message.headers["webhook-signature"].count("v1,") == 1


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_success(session, message_id, status):
    assert attempt(session, message_id, Answer(status)) is Outcome.DELIVERED
    delivery = fresh(session, WebhookDelivery, message_id)
    assert (delivery.status, delivery.last_status, delivery.attempts) == ("delivered", status, 1)
    assert session.scalars(select(Job.state)).one() == JobState.DONE


@pytest.mark.parametrize("answer", [Answer(199), Answer(301), Answer(404), Answer(None, "timeout")])
def test_anything_else_is_tried_again(session, webhook, message_id, answer):
    assert attempt(session, message_id, answer) is Outcome.RETRIED
    delivery = fresh(session, WebhookDelivery, message_id)
    assert (delivery.status, delivery.last_problem) == ("queued", answer.problem)
    assert delivery.next_attempt_at is not None
    assert fresh(session, Webhook, webhook.id).failing_since is not None
    assert told(session) == []


def test_the_id_and_the_body_stay_the_same_at_every_try(session, message_id):
    sent = []
    for _ in range(3):
        lease = claimed(session, message_id)
        message = begin(session, lease)
        sent.append((message.headers["webhook-id"], message.body))
        record(session, lease, BAD)
    assert len(set(sent)) == 1


def test_the_delays_grow_and_the_last_try_comes_after_three_days():
    assert list(DELAYS) == sorted(DELAYS)
    assert GIVE_UP < timedelta(seconds=sum(DELAYS)) < jobs.DEADLINES["webhook_delivery"]


def test_a_message_waits_as_long_as_its_try_says(session, message_id):
    for delay in DELAYS:
        attempt(session, message_id, BAD)
        job = session.scalars(select(Job).execution_options(populate_existing=True)).one()
        waits = (job.run_at - datetime.now(UTC)).total_seconds()
        assert delay - 10 < waits <= delay
    assert attempt(session, message_id, BAD) is Outcome.FAILED
    delivery = fresh(session, WebhookDelivery, message_id)
    assert (delivery.status, delivery.attempts) == ("failed", len(DELAYS) + 1)
    assert session.scalars(select(Job.state)).one() == JobState.DONE


def test_an_address_that_failed_for_three_days_is_disabled_and_its_owner_is_told_once(
    session, person, webhook, message_id
):
    others = [send(session, person, webhook) for _ in range(2)]
    attempt(session, message_id, BAD)
    session.execute(update(Webhook).values(failing_since=jobs.NOW - GIVE_UP))
    for each in (message_id, others[0]):
        attempt(session, each, BAD)
    assert fresh(session, Webhook, webhook.id).disabled_cause == "failing"
    assert told(session) == [NotificationType.WEBHOOK_DISABLED]
    # What waits is not sent any more.
    assert attempt(session, others[1], GOOD) is Outcome.FAILED
    delivery = fresh(session, WebhookDelivery, others[1])
    assert (delivery.last_problem, delivery.attempts) == ("disabled", 0)


def test_a_success_ends_the_failing(session, person, webhook, message_id):
    attempt(session, message_id, BAD)
    session.execute(update(Webhook).values(failing_since=jobs.NOW - timedelta(days=2)))
    attempt(session, message_id, GOOD)
    assert fresh(session, Webhook, webhook.id).failing_since is None
    attempt(session, send(session, person, webhook), BAD)
    assert fresh(session, Webhook, webhook.id).disabled_cause is None


def test_410_disables_the_address_at_once(session, webhook, message_id):
    assert attempt(session, message_id, GONE) is Outcome.FAILED
    assert fresh(session, Webhook, webhook.id).disabled_cause == "gone"
    assert told(session) == [NotificationType.WEBHOOK_DISABLED]


def test_an_address_that_is_enabled_again_begins_anew(session, person, webhook, message_id):
    attempt(session, message_id, GONE)
    outgoing_webhooks.change(session, user_id=person.id, webhook_id=webhook.id, is_enabled=True)
    attempt(session, send(session, person, webhook), BAD)
    assert fresh(session, Webhook, webhook.id).disabled_cause is None


def waits(session, delivery_id):
    """The seconds until a message is tried again, which its owner is shown too."""
    delivery = fresh(session, WebhookDelivery, delivery_id)
    job = session.scalars(select(Job).where(Job.ref == delivery_id)).one()
    assert abs(job.run_at - delivery.next_attempt_at) < timedelta(seconds=60)
    return (job.run_at - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("answer", [GOOD, BAD])
def test_a_person_is_sent_one_message_at_a_time_to_whichever_address(
    session, person, webhook, message_id, answer
):
    made = outgoing_webhooks.create(session, user=person, url=URL, events=CHOOSABLE)
    others = [send(session, person, each) for each in (webhook, made)]
    lease = claimed(session, message_id)
    assert isinstance(begin(session, lease), Message)
    for each in others:
        waiting = claimed(session, each)
        assert begin(session, waiting) is Outcome.BUSY
        job = fresh(session, Job, waiting.job_id)
        assert (job.state, job.tries) == (JobState.QUEUED, 0), "it uses up no try"
        assert 1 < waits(session, each) <= 5
    stranger = making.user(session)
    foreign = outgoing_webhooks.create(session, user=stranger, url=URL, events=CHOOSABLE)
    assert attempt(session, send(session, stranger, foreign), GOOD) is Outcome.DELIVERED
    record(session, lease, answer)
    assert attempt(session, others[1], GOOD) is Outcome.DELIVERED


@pytest.mark.parametrize("minutes, least", [(0, 60), (2, 60), (40, 600), (240, 3600), (3000, 3600)])
def test_messages_to_an_address_that_fails_ask_more_and_more_rarely(
    session, person, webhook, message_id, minutes, least
):
    begin(session, claimed(session, message_id))
    webhook.failing_since = datetime.now(UTC) - timedelta(minutes=minutes)
    waiting = send(session, person, webhook)
    assert begin(session, claimed(session, waiting)) is Outcome.BUSY
    assert least - 5 < waits(session, waiting) <= least * 1.5 + 5


def test_messages_that_wait_for_a_slow_server_ask_more_and_more_rarely(
    session, person, webhook, message_id
):
    begin(session, claimed(session, message_id))
    waiting = send(session, person, webhook)
    delivery = fresh(session, WebhookDelivery, waiting)
    delivery.created_at = datetime.now(UTC) - timedelta(minutes=40)
    assert begin(session, claimed(session, waiting)) is Outcome.BUSY
    assert 595 < waits(session, waiting) <= 905


def test_of_messages_that_begin_at_the_same_time_one_is_sent(committed):
    with committed.begin() as session:
        person = making.user(session)
        made = [
            outgoing_webhooks.create(session, user=person, url=URL, events=CHOOSABLE)
            for _ in range(4)
        ]
        leases = [claimed(session, send(session, person, each)) for each in made]
    together = Barrier(len(leases))

    def begin_it(lease):
        with committed.begin() as session:
            together.wait(60)
            return begin(session, lease)

    with ThreadPoolExecutor(len(leases)) as pool:
        begun = list(pool.map(begin_it, leases))
    assert sorted(isinstance(each, Message) for each in begun) == [False, False, False, True]


def test_an_address_that_is_deleted_while_it_is_sent_to_makes_no_room_for_another(
    session, person, webhook, message_id
):
    other = outgoing_webhooks.create(session, user=person, url=URL, events=CHOOSABLE)
    begin(session, claimed(session, message_id))
    outgoing_webhooks.remove(session, user_id=person.id, webhook_id=webhook.id)
    assert begin(session, claimed(session, send(session, person, other))) is Outcome.BUSY
    session.execute(update(Webhook).values(busy_until=jobs.NOW - timedelta(seconds=1)))
    assert attempt(session, send(session, person, other), GOOD) is Outcome.DELIVERED


def test_a_late_worker_changes_nothing_and_another_one_sends_it_again(session, message_id):
    lease = claimed(session, message_id)
    first = begin(session, lease)
    for lease_of, until in ((Job, "lease_until"), (Webhook, "busy_until")):
        session.execute(update(lease_of).values({until: jobs.NOW - timedelta(seconds=1)}))
    assert due_jobs.requeue_expired(session) == 1
    again = begin(session, claimed(session, message_id))
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert record(session, lease, GOOD) is Outcome.STALE
    assert fresh(session, WebhookDelivery, message_id).status == "queued"


def test_a_job_without_its_message_is_canceled(session, person, webhook, message_id):
    lease = claimed(session, message_id)
    session.delete(fresh(session, WebhookDelivery, message_id))
    session.flush()
    assert begin(session, lease) is Outcome.STALE
    assert session.scalars(select(Job.state)).one() == JobState.CANCELED


def test_workers_that_are_lost_again_and_again_end_a_message(session, message_id):
    lease = claimed(session, message_id)
    job_attempts.fail(session, lease, "INTERNAL_ERROR", "KeyError")
    delivery = fresh(session, WebhookDelivery, message_id)
    assert (delivery.status, delivery.last_problem) == ("failed", "lost")


def test_ended_messages_are_purged_after_thirty_days(session, person, webhook, message_id):
    attempt(session, message_id, GOOD)
    waiting, recent = (send(session, person, webhook) for _ in range(2))
    attempt(session, recent, GOOD)
    old = WebhookDelivery.id.in_([message_id, waiting])
    session.execute(
        update(WebhookDelivery).where(old).values(created_at=jobs.NOW - timedelta(days=31))
    )
    assert webhook_deliveries.purge(session, limit=10) == 1
    left = session.scalars(select(WebhookDelivery.id).order_by(WebhookDelivery.id)).all()
    assert left == [waiting, recent]
