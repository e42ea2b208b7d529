"""The Python client against the real site over HTTP: from a key to a checked picture."""

import re
import time
from types import SimpleNamespace

import httpx
import pytest
import style_license
from limits.storage import MemoryStorage
from sqlalchemy import func, select, update
from style_license import ApiError, NotGenuine, OrderFailed, Site, transport

from tests import delivering, making
from tests.broker import free_port
from tests.failing_server import CLOSES_CONNECTION, failing_server
from tests.serving import served
from tests.webapp.conftest import signed_in_client
from webapp.domain.models.api_key import ApiKey
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.domain.services import generations
from webapp.http.buckets import KEYS
from webapp.http.rate_limits import RateLimits


@pytest.fixture
def shop(make_real_app, committed, storage):
    """The site on a port of this machine, a buyer with a key from the page, and a style."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    app = make_real_app(PUBLIC_BASE_URL=address, RATE_LIMITS_ENABLED="1")
    with committed.begin() as session:
        buyer, style = making.user(session), making.style(session, storage)
    with committed() as session:
        browser = signed_in_client(app, session, buyer)
    fields = {"csrf_token": browser.csrf_token, "name": "Catalogue", "scopes": "order"}
    secret = re.search("sl_[0-9a-f]{40}", browser.post("/me/keys", data=fields).text)[0]
    # Counters in Redis are by key and by person, which other tests have too.
    app.extensions["rate_limits"] = None
    with served(app, port=port):
        yield SimpleNamespace(
            app=app,
            address=address,
            browser=browser,
            buyer=buyer,
            key=secret,
            style_id=style.id,
            committed=committed,
            storage=storage,
        )


@pytest.fixture
def sleeps(monkeypatch):
    """What happens while the client sleeps, one call for each time, and for how long it sleeps."""
    found = SimpleNamespace(seconds=[], calls=[])

    def sleep(seconds):
        found.seconds.append(seconds)
        if found.calls:
            found.calls.pop(0)()

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
    monkeypatch.setattr(style_license, "time", clock)
    monkeypatch.setattr(transport, "time", clock)
    return found


def delivered(shop, picture_id):
    """Let the pipeline deliver a picture; return its file."""
    with shop.committed() as session:
        made = session.get_one(Generation, picture_id)
        return delivering.deliver(session, shop.storage, made, delivering.picture())


def test_a_program_orders_waits_downloads_and_verifies(shop, sleeps):
    files = []
    with Site(shop.address, shop.key) as site:
        picture = site.order(shop.style_id, ["boat"], idempotency_key="order-0001")[0]
        assert (picture.status, picture.license_id) == ("queued", None)
        sleeps.calls = [lambda: None, lambda: files.append(delivered(shop, picture.id))]
        picture = site.wait(picture.id)
        assert (picture.status, picture.width, picture.height) == ("completed", 512, 512)
        content = site.download(picture.id)
        certificate = site.verify(content, picture.license_id)
    assert [content] == files
    assert (certificate.status, certificate.public_id) == ("valid", picture.license_id)
    assert sleeps.seconds == [style_license.POLL_SECONDS] * 2


def test_an_order_that_is_sent_again_orders_nothing_new(shop):
    with Site(shop.address, shop.key) as site:
        first, second = (
            site.order(shop.style_id, ["boat"], count=2, idempotency_key="order-0001") for _ in "ab"
        )
        assert [each.id for each in first] == [each.id for each in second]
        other = site.order(shop.style_id, ["boat"], count=2)
    assert {each.id for each in other}.isdisjoint(each.id for each in first)
    with shop.committed() as session:
        assert session.scalar(select(func.count()).select_from(Generation)) == 4


def test_a_file_that_is_not_the_picture_is_not_genuine(shop):
    with Site(shop.address, shop.key) as site:
        picture = site.order(shop.style_id, ["boat"])[0]
        with pytest.raises(NotGenuine, match="not completed"):
            site.verify(b"", picture.license_id)
        delivered(shop, picture.id)
        picture = site.picture(picture.id)
        content = site.download(picture.id)
        for changed in (content + b"\0", content[:-1], b""):
            with pytest.raises(NotGenuine, match="not the picture"):
                site.verify(changed, picture.license_id)
        with shop.committed.begin() as session:
            session.execute(update(Certificate).values(status="revoked"))
        with pytest.raises(NotGenuine, match="revoked"):
            site.verify(content, picture.license_id)
        with pytest.raises(ApiError) as unknown:
            site.verify(content, "../tokens/balance")
        assert unknown.value.status == 404


def test_a_picture_that_fails_ends_the_wait(shop):
    with Site(shop.address, shop.key) as site:
        picture = site.order(shop.style_id, ["boat"])[0]
        with shop.committed.begin() as session:
            generations.pipelines.advance_generation(session, picture.id, "processing")
            generations.fail(session, picture.id, "GPU_OOM", "It was too large.")
        with pytest.raises(OrderFailed, match="failed GPU_OOM"):
            site.wait(picture.id)


def test_a_wait_has_an_end(shop):
    with Site(shop.address, shop.key) as site:
        picture = site.order(shop.style_id, ["boat"])[0]
        with pytest.raises(TimeoutError):
            site.wait(picture.id, seconds=0)


def test_a_key_that_is_revoked_ends_the_program(shop):
    with Site(shop.address, shop.key) as site:
        site.order(shop.style_id, ["boat"])
        with shop.committed() as session:
            key_id = session.scalar(select(ApiKey.id))
        form = {"csrf_token": shop.browser.csrf_token}
        assert shop.browser.post(f"/me/keys/{key_id}/revoke", data=form).status_code == 303
        with pytest.raises(ApiError) as refused:
            site.order(shop.style_id, ["boat"])
        assert (refused.value.status, refused.value.code) == (401, "API_KEY_INVALID")


def test_it_waits_as_long_as_the_site_asks_for(shop, sleeps):
    with shop.committed() as session:
        key_id = session.scalar(select(ApiKey.id))
    limits = RateLimits(MemoryStorage())
    shop.app.extensions["rate_limits"] = limits
    limits.hit(KEYS, str(key_id), KEYS.limit.amount)
    sleeps.calls = [lambda: shop.app.extensions.__setitem__("rate_limits", None)]
    with Site(shop.address, shop.key) as site:
        assert site.order(shop.style_id, ["boat"])
    assert len(sleeps.seconds) == 1
    assert 30 < sleeps.seconds[0] <= 61


def test_it_gives_up_when_the_site_asks_for_more_than_its_patience(shop, sleeps):
    with shop.committed() as session:
        key_id = session.scalar(select(ApiKey.id))
    limits = RateLimits(MemoryStorage())
    shop.app.extensions["rate_limits"] = limits
    limits.hit(KEYS, str(key_id), KEYS.limit.amount)
    with Site(shop.address, shop.key, patience=10) as site, pytest.raises(ApiError) as refused:
        site.order(shop.style_id, ["boat"])
    assert (refused.value.code, sleeps.seconds) == ("RATE_LIMIT_EXCEEDED", [])


def test_lost_connections_and_busy_answers_are_tried_again_with_the_same_key(sleeps):
    order = {"data": {"batch": {"generation_ids": []}}}
    with failing_server() as server, Site(server.url, "sl_key") as site:
        server.body = order
        server.statuses = [503, CLOSES_CONNECTION, 429]
        assert site.order(4, ["boat"]) == []
    keys = {headers["Idempotency-Key"] for *_, headers in server.requests}
    assert (len(server.requests), len(keys)) == (4, 1)
    assert sleeps.seconds == [transport.RETRY_SECONDS] * 3


def test_a_site_that_is_not_there_is_an_error_in_the_end(sleeps):
    address = f"http://127.0.0.1:{free_port()}"
    with Site(address, "sl_key", patience=0) as site, pytest.raises(httpx.TransportError):
        site.picture(1)


def test_the_key_is_not_sent_to_where_files_are():
    with failing_server() as server, failing_server() as files:
        server.statuses, server.body = [302], {}
        server.location = f"{files.url}/picture.png"
        with Site(server.url, "sl_key") as site:
            assert site.download(1) == b"whole file"
    [(_, path, _, headers)] = files.requests
    assert (path, "Authorization" in headers) == ("/picture.png", False)
