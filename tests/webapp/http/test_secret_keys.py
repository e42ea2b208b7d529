"""The secret key changes while people are at the site: each app is a process after a restart."""

import json
import re
from datetime import timedelta

import pytest

from tests import images, making
from tests.fixtures import ENVIRONMENT
from tests.webapp.conftest import error_code, make_app, signed_in_client
from webapp.domain.settings import settings
from webapp.http import browsers

OLD, NEW = ENVIRONMENT["SECRET_KEY"], "the key that was drawn at the rotation"
ME, SETTINGS = "/api/v1/auth/me", "/me/settings"


@pytest.fixture
def started(bind, storage, monkeypatch):
    """Start the site with a key and the fallbacks that it accepts."""

    def start(key, *fallbacks):
        variables = {"SECRET_KEY": key, "SECRET_KEY_FALLBACKS": json.dumps(fallbacks)}
        return bind(make_app(monkeypatch, **variables))

    yield start
    monkeypatch.undo()
    settings.cache_clear()


def moved(client, app):
    """The same browser at the site after a restart."""
    browser = app.test_client()
    for name in ("session", "csrftoken", browsers.COOKIE):
        if cookie := client.get_cookie(name):
            browser.set_cookie(name, cookie.value)
    return browser


def form_token(page):
    return re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)[1]


def post_name(client, token, name):
    return client.post(SETTINGS, data={"csrf_token": token, "display_name": name})


def test_a_session_and_an_open_form_survive_the_rotation(started, session, buyer):
    before = signed_in_client(started(OLD), session, buyer)
    token = form_token(before.get(SETTINGS))
    after = moved(before, started(NEW, OLD))

    assert after.get(ME).json["data"]["id"] == buyer.id
    answer = post_name(after, token, "Mina after the rotation")
    assert answer.status_code == 303
    session.refresh(buyer)
    assert buyer.display_name == "Mina after the rotation"

    renewed = form_token(after.get(SETTINGS))
    assert renewed != token
    assert after.get_cookie("csrftoken").value == renewed


def test_what_is_signed_after_the_rotation_needs_no_fallback(started, session, buyer):
    after = signed_in_client(started(NEW, OLD), session, buyer)
    token = form_token(after.get(SETTINGS))
    without = moved(after, started(NEW))
    assert without.get(ME).status_code == 200
    assert post_name(without, token, "Mina").status_code == 303


def test_without_the_fallback_an_old_session_is_asked_to_sign_in(started, session, buyer):
    before = signed_in_client(started(OLD), session, buyer)
    token = form_token(before.get(SETTINGS))
    late = moved(before, started(NEW))

    answer = late.get(ME)
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")
    page = late.get(SETTINGS)
    assert (page.status_code, page.location) == (302, "/login?next=/me/settings")
    refused = post_name(late, token, "Somebody")
    assert (refused.status_code, refused.location.partition("?")[0]) == (302, "/login")
    assert late.get("/").status_code == 200
    session.refresh(buyer)
    assert buyer.display_name != "Somebody"


def test_the_token_of_a_form_is_refused_once_its_key_is_gone(started, session, buyer):
    before = signed_in_client(started(OLD), session, buyer)
    token = form_token(before.get(SETTINGS))
    signed_in_again = signed_in_client(started(NEW), session, buyer)
    signed_in_again.csrf_token = None
    assert post_name(signed_in_again, token, "Mina").status_code == 403


def test_a_process_that_restarts_later_accepts_what_an_earlier_one_signed(started, session, buyer):
    """Two processes: the first step of a rotation makes the new key a fallback everywhere."""
    later = started(OLD, NEW)
    earlier = signed_in_client(started(NEW, OLD), session, buyer)
    token = form_token(earlier.get(SETTINGS))
    same_browser = moved(earlier, later)
    assert same_browser.get(ME).status_code == 200
    assert post_name(same_browser, token, "Mina").status_code == 303


def browser_ids(cookie, apps):
    """The id that the site reads from the cookie of a browser, after each restart."""
    ids = []
    for app in apps:
        with app.test_request_context(headers={"Cookie": f"{browsers.COOKIE}={cookie}"}):
            ids.append(browsers.current())
    return ids


def test_a_browser_keeps_the_id_that_its_attempts_are_counted_by(started):
    apps = started(OLD), started(NEW, OLD), started(NEW)
    ids = []
    for app in apps[:2]:
        browser = app.test_client()
        browser.get("/login")
        ids.append(browser_ids(browser.get_cookie(browsers.COOKIE).value, apps))
    (before, during, late), (too_early, renewed, after) = ids
    assert before == during is not None
    assert late is None
    assert renewed == after is not None
    assert too_early is None


def test_a_link_to_a_file_works_until_it_expires(started, storage):
    before = started(OLD)
    storage.put(
        "styles/picture.png", images.encoded(images.scene(64, 64)), content_type="image/png"
    )
    link = before.extensions["storage"].presigned_get(
        "styles/picture.png", expires_in=timedelta(hours=2)
    )
    path = link.removeprefix(settings().public_base_url)
    assert before.test_client().get(path).status_code == 200
    assert started(NEW, OLD).test_client().get(path).status_code == 200
    assert started(NEW).test_client().get(path).status_code == 403


def test_a_cursor_of_before_continues_its_list(started, session, storage):
    for _ in range(3):
        making.style(session, storage)
    session.commit()
    first = started(OLD).test_client().get("/api/v1/styles?limit=2").json["data"]
    path = f"/api/v1/styles?limit=2&cursor={first['next_cursor']}"
    second = started(NEW).test_client().get(path).json["data"]
    assert len(second["results"]) == 1
    assert not {each["id"] for each in first["results"]} & {
        each["id"] for each in second["results"]
    }
