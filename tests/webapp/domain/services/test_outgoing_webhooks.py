"""Webhooks of people: few addresses, secrets that change, and messages in the commit of events."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text

from tests import making
from webapp.domain.errors import (
    NotFound,
    ValidationFailed,
    WebhookDisabled,
    WebhookLimitReached,
)
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.outgoing_webhook import (
    CHOOSABLE,
    EVENTS,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from webapp.domain.services import (
    generation_refunds,
    generations,
    leaving,
    outgoing_webhooks,
    training,
)
from webapp.domain.services.outgoing_webhooks import MOST_WEBHOOKS
from webapp.domain.settings import settings

URL = "https://shop.example/webhooks"
COMPLETED, FAILED = WebhookEvent.GENERATION_COMPLETED, WebhookEvent.GENERATION_FAILED


def register(session, person, *events, url=URL):
    return outgoing_webhooks.create(session, user=person, url=url, events=events or CHOOSABLE).id


def messages(session, webhook_id):
    """The bodies that wait for an address, as they are sent."""
    bodies = session.scalars(
        select(WebhookDelivery.body)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(WebhookDelivery.id)
    )
    return [json.loads(body) for body in bodies]


def told(session, webhook_id):
    return [(each["type"], each["data"]) for each in messages(session, webhook_id)]


def tell(session, person):
    outgoing_webhooks.tell(session, person.id, COMPLETED, {"generation_id": 1})


@pytest.fixture
def person(session):
    return making.user(session)


def test_a_message_has_type_time_and_data_and_a_job(session, person):
    webhook_id = register(session, person)
    tell(session, person)
    [message] = messages(session, webhook_id)
    assert set(message) == {"type", "timestamp", "data"}
    assert (message["type"], message["data"]) == ("generation.completed", {"generation_id": 1})
    assert message["timestamp"].endswith("Z")
    [delivery_id] = session.scalars(select(WebhookDelivery.id))
    jobs_of = select(Job.ref).where(Job.kind == JobKind.WEBHOOK_DELIVERY)
    assert session.scalars(jobs_of).all() == [delivery_id]


def test_only_addresses_that_want_an_event_and_are_in_use_are_told(session, person):
    wanting, other = register(session, person, COMPLETED), register(session, person, FAILED)
    disabled = register(session, person, COMPLETED)
    outgoing_webhooks.change(session, user_id=person.id, webhook_id=disabled, is_enabled=False)
    foreign = register(session, making.user(session), COMPLETED)
    tell(session, person)
    sent = [len(messages(session, each)) for each in (wanting, other, disabled, foreign)]
    assert sent == [1, 0, 0, 0]


def test_an_event_has_one_id_for_all_addresses(session, person):
    for _ in range(2):
        register(session, person)
    tell(session, person)
    ids = session.scalars(select(WebhookDelivery.message_id)).all()
    assert (len(ids), len(set(ids))) == (2, 1)
    tell(session, person)
    assert len(set(session.scalars(select(WebhookDelivery.message_id)))) == 2


def test_a_delivered_picture_is_told_to_buyer_and_artist_each_what_is_theirs(session, storage):
    made = making.generation(session, storage)
    buyer = session.get(User, made.user_id)
    artist = session.get(User, session.scalar(text("SELECT artist_id FROM styles LIMIT 1")))
    of_buyer, of_artist = register(session, buyer), register(session, artist)
    making.finish(session, storage, made)
    ids = {"generation_id": made.id, "style_id": made.style_id}
    ready = ids | {"license_id": made.license_public_id, "is_try_out": False}
    assert told(session, of_buyer) == [("generation.completed", ready)]
    sold = ids | {"license_id": made.license_public_id, "earned_tokens": made.price_tokens}
    assert told(session, of_artist) == [("generation.sold", sold)]
    generation_refunds.refund_generation(
        session, admin_id=artist.id, generation_id=made.id, reason="Broken."
    )
    refunded = ("generation.refunded", ids | {"refunded_tokens": made.price_tokens})
    assert told(session, of_buyer)[1:] == told(session, of_artist)[1:] == [refunded]


def test_a_picture_that_failed_is_told_once_with_its_refund(session, storage):
    made = making.generation(session, storage)
    webhook_id = register(session, session.get(User, made.user_id))
    for _ in range(2):
        generations.fail(session, made.id, "GPU_OOM", "Too large.")
    data = {
        "generation_id": made.id,
        "style_id": made.style_id,
        "cause": "GPU_OOM",
        "refunded_tokens": made.price_tokens,
        "is_try_out": False,
    }
    assert told(session, webhook_id) == [("generation.failed", data)]


def test_a_trained_style_and_a_training_that_failed_are_told(session, storage):
    artist = making.artist(session, storage)
    webhook_id = register(session, session.get(User, artist.user_id))
    style = making.trained(session, storage, of=artist)
    expected = {"style_id": style.id, "is_on_sale": False}
    assert told(session, webhook_id) == [("style.trained", expected)]
    other = making.artist(session, storage)
    webhook_id = register(session, session.get(User, other.user_id))
    run = making.training(session, storage, of=other)
    training.fail(session, run.id, "BAD_LOSS", "It is not finite.")
    expected = {"style_id": run.style_id, "cause": "BAD_LOSS"}
    assert told(session, webhook_id) == [("style.training_failed", expected)]


def test_what_is_rolled_back_was_never_told(committed):
    with committed.begin() as session:
        person = making.user(session)
        register(session, person)
    with committed() as session:
        tell(session, person)
        session.rollback()
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 0
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_person_has_few_addresses_also_when_several_are_added_at_once(committed):
    with committed.begin() as session:
        person = making.user(session)

    def add(_number):
        try:
            with committed.begin() as session:
                return register(session, session.get(User, person.id))
        except WebhookLimitReached as error:
            return error.details["limit"]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(add, range(MOST_WEBHOOKS + 3)))
    assert len(results) == MOST_WEBHOOKS + 3
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(Webhook)) == MOST_WEBHOOKS


def test_an_address_is_refused_at_its_field(session, person, monkeypatch):
    monkeypatch.setenv("WEBHOOKS_MAY_BE_LOCAL", "false")
    settings.cache_clear()
    with pytest.raises(ValidationFailed) as refused:
        register(session, person, url="http://127.0.0.1/")
    assert set(refused.value.details["fields"]) == {"url"}
    monkeypatch.setenv("WEBHOOKS_MAY_BE_LOCAL", "true")
    settings.cache_clear()
    assert register(session, person, url="http://127.0.0.1:8080/")


def test_a_new_secret_keeps_the_one_before_for_a_day(session, person):
    made = outgoing_webhooks.create(session, user=person, url=URL, events=[COMPLETED])
    changed = outgoing_webhooks.change_secret(session, user_id=person.id, webhook_id=made.id)
    webhook = session.get(Webhook, made.id)
    assert (webhook.secret, webhook.previous_secret) == (changed.secret, made.secret)
    assert made.secret != changed.secret


def test_others_can_do_nothing_with_an_address(session, person):
    webhook_id = register(session, person)
    other = making.user(session)
    for act in (
        outgoing_webhooks.change,
        outgoing_webhooks.change_secret,
        outgoing_webhooks.remove,
        outgoing_webhooks.send_test,
    ):
        with pytest.raises(NotFound):
            act(session, user_id=other.id, webhook_id=webhook_id)


def test_a_test_needs_an_address_in_use(session, person):
    webhook_id = register(session, person)
    outgoing_webhooks.change(session, user_id=person.id, webhook_id=webhook_id, is_enabled=False)
    with pytest.raises(WebhookDisabled):
        outgoing_webhooks.send_test(session, user_id=person.id, webhook_id=webhook_id)
    outgoing_webhooks.change(session, user_id=person.id, webhook_id=webhook_id, is_enabled=True)
    outgoing_webhooks.send_test(session, user_id=person.id, webhook_id=webhook_id)
    assert told(session, webhook_id) == [("webhook.test", {"webhook_id": webhook_id})]


def test_a_deleted_address_takes_its_messages_and_jobs_with_it(session, person):
    webhook_id, other = register(session, person), register(session, person)
    tell(session, person)
    outgoing_webhooks.remove(session, user_id=person.id, webhook_id=webhook_id)
    left = session.scalars(select(WebhookDelivery.id)).all()
    assert session.scalars(select(Job.ref)).all() == left
    assert len(messages(session, other)) == len(left) == 1


def test_a_person_who_leaves_is_told_nothing_more(session, storage):
    leaver = making.user(session)
    register(session, leaver)
    tell(session, leaver)
    leaving.leave(session, user=leaver, confirm=leaver.username)
    for model in (Webhook, WebhookDelivery, Job):
        assert session.scalar(select(func.count()).select_from(model)) == 0
    closed = making.user(session)
    register(session, closed)
    leaving.deactivate(session, closed.id)
    assert session.scalar(select(func.count()).select_from(Webhook)) == 0


def test_an_address_that_is_deleted_meanwhile_breaks_no_delivery(committed):
    """A picture is being delivered; its buyer deletes the address that shall be told of it."""
    with committed.begin() as session:
        person = making.user(session)
        webhook_id = register(session, person)
    with committed() as telling:
        tell(telling, person)

        def remove():
            with committed.begin() as session:
                outgoing_webhooks.remove(session, user_id=person.id, webhook_id=webhook_id)

        with ThreadPoolExecutor(1) as pool:
            removing = pool.submit(remove)
            with pytest.raises(TimeoutError):
                removing.result(0.5)
            telling.commit()
            removing.result(60)
    with committed() as session:
        for model in (Webhook, WebhookDelivery):
            assert session.scalar(select(func.count()).select_from(model)) == 0


def test_the_table_knows_all_events():
    assert all(event.value in EVENTS for event in CHOOSABLE)
    assert WebhookEvent.TEST.value not in EVENTS
