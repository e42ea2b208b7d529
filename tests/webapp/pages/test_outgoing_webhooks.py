"""/me/webhooks: the secret is shown once, and forms work without scripts."""

import re
import secrets
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.gateways.outgoing_http import Problem
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.outgoing_webhook import (
    CHOOSABLE,
    DeliveryStatus,
    DisabledCause,
    Webhook,
    WebhookDelivery,
)
from webapp.domain.services import webhook_deliveries
from webapp.pages import outgoing_webhooks as pages

WEBHOOKS = "/me/webhooks"
URL = "https://shop.example/webhooks"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


def make(client, **fields):
    form = {"csrf_token": client.csrf_token, "url": URL, "events": ["generation.completed"]}
    return client.post(WEBHOOKS, data=form | fields)


def act(client, webhook_id, name, **fields):
    form = {"csrf_token": client.csrf_token} | fields
    return client.post(f"{WEBHOOKS}/{webhook_id}/{name}", data=form)


def rows(session):
    query = select(Webhook).order_by(Webhook.id).execution_options(populate_existing=True)
    return session.scalars(query).all()


def shown(client):
    return Page(client.get(WEBHOOKS)).text


def test_everything_has_words():
    assert list(pages.EVENTS) == list(CHOOSABLE)
    assert set(pages.CAUSES) == set(DisabledCause)
    assert set(pages.STATES) == set(DeliveryStatus)
    ours = {webhook_deliveries.DISABLED, webhook_deliveries.LOST}
    assert set(pages.PROBLEMS) == {*Problem, *ours}


def test_the_secret_is_shown_by_the_answer_of_the_form_alone(buyer_client, session):
    answer = make(buyer_client, events=["generation.completed", "generation.sold"])
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    [secret] = SECRET.findall(answer.text)
    [webhook] = rows(session)
    assert (webhook.secret, webhook.url) == (secret, URL)
    assert webhook.events == ["generation.completed", "generation.sold"]
    page = buyer_client.get(WEBHOOKS)
    assert SECRET.search(page.text) is None
    assert URL in page.text


def test_a_new_secret_that_is_asked_for_twice_leaves_the_one_in_use(buyer_client, session):
    make(buyer_client)
    [webhook] = rows(session)
    in_use, fields = webhook.secret, {"idempotency_key": secrets.token_urlsafe(16)}
    [new] = SECRET.findall(act(buyer_client, webhook.id, "secret", **fields).text)
    again = act(buyer_client, webhook.id, "secret", **fields)
    assert (again.status_code, again.headers["Location"]) == (303, WEBHOOKS)
    [webhook] = rows(session)
    assert (webhook.secret, webhook.previous_secret) == (new, in_use)
    assert new not in str(session.scalars(select(IdempotencyKey.response)).all())


def test_a_form_that_is_sent_twice_adds_one_address_and_stores_no_secret(buyer_client, session):
    fields = {"idempotency_key": secrets.token_urlsafe(16)}
    [secret] = SECRET.findall(make(buyer_client, **fields).text)
    again = make(buyer_client, **fields)
    assert (again.status_code, again.headers["Location"]) == (303, f"{WEBHOOKS}?saved=webhook_made")
    assert "One address was added" in buyer_client.get(again.headers["Location"]).text
    assert len(rows(session)) == 1
    assert secret not in str(session.scalars(select(IdempotencyKey.response)).all())


@pytest.mark.parametrize(
    "fields, name",
    [
        ({"url": ""}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "shop.example"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["everything"]}, "events"),
    ],
)
def test_a_refused_form_says_why_at_its_field_and_keeps_the_rest(
    buyer_client, session, fields, name
):
    answer = make(buyer_client, **fields)
    assert answer.status_code == 422
    page = Page(answer)
    assert page.all("p", id=f"{name}-problem")
    if name == "events":
        assert page.all("input", id="url")[0]["value"] == URL
    else:
        assert "checked" in page.all("input", value="generation.completed")[0]
    assert page.own_code() == []
    assert rows(session) == []


def test_the_sixth_address_is_refused_in_words(buyer_client, session):
    for _ in range(5):
        make(buyer_client)
    answer = make(buyer_client)
    assert answer.status_code == 409
    assert "You have as many webhooks as one person may have." in answer.text
    assert len(rows(session)) == 5


def test_an_address_is_tested_changed_disabled_enabled_and_deleted(buyer_client, session):
    make(buyer_client)
    webhook_id = rows(session)[0].id
    assert "Nothing was sent yet." in shown(buyer_client)
    tested = act(buyer_client, webhook_id, "test")
    assert tested.headers["Location"] == f"{WEBHOOKS}?saved=webhook_tested"
    assert "on its way" in shown(buyer_client)
    act(buyer_client, webhook_id, "events", events=["style.trained"])
    assert rows(session)[0].events == ["style.trained"]
    refused = act(buyer_client, webhook_id, "events")
    assert refused.status_code == 422
    assert Page(refused).all("p", id=f"events-{webhook_id}-problem")
    [secret] = SECRET.findall(act(buyer_client, webhook_id, "secret").text)
    assert rows(session)[0].secret == secret
    assert "The earlier secret signs too" in shown(buyer_client)
    act(buyer_client, webhook_id, "disable")
    assert "Disabled by you." in shown(buyer_client)
    assert act(buyer_client, webhook_id, "test").status_code == 409
    act(buyer_client, webhook_id, "enable")
    assert "In use" in shown(buyer_client)
    act(buyer_client, webhook_id, "delete")
    assert rows(session) == []
    for name in ("test", "events", "secret", "disable", "enable", "delete"):
        gone = act(buyer_client, webhook_id, name, events=["style.trained"])
        assert gone.headers["Location"] == WEBHOOKS


def test_what_came_of_the_last_messages_is_shown(buyer_client, session):
    make(buyer_client)
    webhook_id = rows(session)[0].id
    for _ in range(7):
        act(buyer_client, webhook_id, "test")
    session.execute(update(WebhookDelivery).values(status="delivered", last_status=204, attempts=2))
    page = shown(buyer_client)
    assert page.count("HTTP 204") == pages.SHOWN_DELIVERIES
    assert "tries: 2" in page
    session.execute(
        update(WebhookDelivery).values(status="failed", last_status=None, last_problem="timeout")
    )
    session.execute(update(Webhook).values(failing_since=jobs.NOW))
    page = shown(buyer_client)
    assert "no answer in 15 seconds" in page
    assert "Failing since" in page


def test_the_times_on_the_page_are_those_of_the_code(buyer_client, monkeypatch):
    for name, days in {"GIVE_UP": 4, "KEPT": 40, "BOTH_SECRETS": 2}.items():
        monkeypatch.setattr(pages, name, timedelta(days=days))
    make(buyer_client)
    page = shown(buyer_client)
    assert "sent again for 4 days; we keep their list for 40 days." in page
    assert "For 48 hours, messages are signed with the earlier secret too." in page


def test_others_change_nothing_and_neither_does_a_form_without_its_token(
    buyer_client, artist_client, session
):
    make(buyer_client)
    webhook_id = rows(session)[0].id
    for name in ("test", "events", "secret", "disable", "delete"):
        act(artist_client, webhook_id, name, events=["style.trained"])
    buyer_client.csrf_token = None
    for name in ("test", "events", "secret", "disable", "delete"):
        assert act(buyer_client, webhook_id, name).status_code == 403
    [webhook] = rows(session)
    assert (webhook.events, webhook.disabled_cause) == (["generation.completed"], None)
    assert webhook.previous_secret is None
    assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 0


def test_the_page_is_found_from_the_settings_and_is_for_who_is_signed_in(buyer_client, client):
    assert WEBHOOKS in Page(buyer_client.get("/me/settings")).links()
    assert client.get(WEBHOOKS).headers["Location"] == f"/login?next={WEBHOOKS}"
