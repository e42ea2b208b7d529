"""/me/keys: the secret is shown once, and forms work without scripts."""

import re
import secrets

import pytest
from sqlalchemy import func, select, update

from tests.webapp.pages.reading import Page
from webapp.domain.models.api_key import ApiKey, Scope
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.services import api_keys
from webapp.domain.services.api_keys import MAX_KEYS
from webapp.pages import api_keys as pages

KEYS = "/me/keys"
SECRET = re.compile("sl_[0-9a-f]{40}")


def make(client, **fields):
    form = {"csrf_token": client.csrf_token, "name": "Catalogue", "expires_in_days": "90"}
    return client.post(KEYS, data=form | fields)


def rows(session):
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()


def test_every_scope_has_words():
    assert list(pages.WORDS) == list(Scope)


def test_the_secret_is_shown_by_the_answer_of_the_form_alone(buyer_client, session):
    answer = make(buyer_client, scopes=["order", "manage"])
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    [secret] = SECRET.findall(answer.text)
    [key] = rows(session)
    assert api_keys.authenticate(session, secret)[0].id == key.id
    assert (key.scopes, key.expires_at is None) == (["read", "order", "manage"], False)
    page = buyer_client.get(KEYS)
    assert SECRET.search(page.text) is None
    assert key.start in page.text
    assert "Catalogue" in page.text


def test_a_key_without_an_end(buyer_client, session):
    make(buyer_client, expires_in_days="")
    [key] = rows(session)
    assert (key.expires_at, key.scopes) == (None, ["read"])
    assert "No end" in Page(buyer_client.get(KEYS)).text


def test_a_form_that_is_sent_twice_makes_one_key_and_stores_no_secret(buyer_client, session):
    fields = {"idempotency_key": secrets.token_urlsafe(16)}
    [secret] = SECRET.findall(make(buyer_client, **fields).text)
    again = make(buyer_client, **fields)
    assert (again.status_code, again.headers["Location"]) == (303, f"{KEYS}?saved=key_made")
    page = buyer_client.get(again.headers["Location"])
    assert "One key was made" in page.text
    assert SECRET.search(page.text) is None
    assert len(rows(session)) == 1
    stored = str(session.scalars(select(IdempotencyKey.response)).all())
    assert secret not in stored
    assert make(buyer_client, **fields, scopes="order").status_code == 409


@pytest.mark.parametrize(
    "fields, name",
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"expires_in_days": "366"}, "expires_in_days"),
        ({"expires_in_days": "soon"}, "expires_in_days"),
        ({"scopes": ["admin"]}, "scopes"),
    ],
)
def test_a_refused_form_says_why_at_its_field_and_keeps_the_rest(
    buyer_client, session, fields, name
):
    answer = make(buyer_client, **{"scopes": ["order"], "name": "Shop"} | fields)
    assert answer.status_code == 422
    page = Page(answer)
    assert page.all("p", id=f"{name}-problem")
    if "name" not in fields:
        assert page.all("input", id="name")[0]["value"] == "Shop"
    if "scopes" not in fields:
        assert "checked" in page.all("input", value="order")[0]
    assert page.own_code() == []
    assert rows(session) == []


def test_a_name_is_shown_as_text(buyer_client):
    answer = make(buyer_client, name="<b>Shop</b> & {{ 1 }}")
    assert "&lt;b&gt;Shop&lt;/b&gt; &amp; {{ 1 }}" in answer.text


def test_the_twenty_first_key_is_refused_in_words(buyer_client, session, buyer):
    for _ in range(MAX_KEYS):
        api_keys.create(session, user=buyer, name="Another")
    session.commit()
    answer = make(buyer_client)
    assert answer.status_code == 409
    assert "You have as many API keys as one person may have." in answer.text
    assert len(rows(session)) == MAX_KEYS


def test_a_key_is_revoked_and_revoking_it_again_is_no_error(buyer_client, artist_client, session):
    make(buyer_client)
    path = f"{KEYS}/{rows(session)[0].id}/revoke"
    artist_client.post(path, data={"csrf_token": artist_client.csrf_token})
    assert len(rows(session)) == 1, "it is the key of another"
    form = {"csrf_token": buyer_client.csrf_token}
    answer = buyer_client.post(path, data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{KEYS}?saved=key_revoked")
    assert rows(session) == []
    assert buyer_client.post(path, data=form).headers["Location"] == KEYS
    assert "You have no keys." in Page(buyer_client.get(KEYS)).text


def test_a_form_without_its_token_changes_nothing(buyer_client, session):
    make(buyer_client)
    buyer_client.csrf_token = None
    for path in (KEYS, f"{KEYS}/{rows(session)[0].id}/revoke"):
        assert buyer_client.post(path, data={"name": "Forged"}).status_code == 403
    assert [key.name for key in rows(session)] == ["Catalogue"]


def test_the_page_says_when_a_key_was_used_and_that_it_has_expired(
    buyer_client, buyer, key_client, session
):
    client = key_client(buyer)
    assert "Not used yet" in buyer_client.get(KEYS).text
    client.get("/api/v1/styles")
    assert re.search(r"Last used on \d{4}-\d\d-\d\d \(UTC\)", buyer_client.get(KEYS).text)
    session.execute(update(ApiKey).values(expires_at=func.clock_timestamp()))
    session.commit()
    assert "Expired" in Page(buyer_client.get(KEYS)).text


def test_the_page_is_found_from_the_settings_and_is_for_who_is_signed_in(buyer_client, client):
    assert KEYS in Page(buyer_client.get("/me/settings")).links()
    assert client.get(KEYS).headers["Location"] == f"/login?next={KEYS}"
