import secrets

import pytest
from sqlalchemy import select, text, update
from structlog.testing import capture_logs

from tests import making
from tests.webapp.conftest import signed_in_client
from webapp.domain import market
from webapp.domain.db import VIEWS
from webapp.domain.models.account import User
from webapp.domain.models.style import Style
from webapp.domain.models.style_view import StyleView
from webapp.extensions import db
from webapp.http import rate_limits

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CUBOT = "Mozilla/5.0 (Linux; Android 14; CUBOT X90) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
CRAWLERS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Yeti/1.1; +https://naver.me/spd)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0 Safari/537.36",
    "facebookexternalhit/1.1",
    "curl/8.5.0",
    "python-requests/2.32",
    "",
]


def views(session) -> dict[int, int]:
    session.expire_all()
    return {row.style_id: row.views for row in session.scalars(select(StyleView))}


def look(client, style, browser=FIREFOX, method="GET", **headers):
    answer = client.open(
        f"/styles/{style.id}", method=method, headers={"User-Agent": browser} | headers
    )
    assert answer.status_code == 200
    return answer


@pytest.fixture
def address() -> dict[str, str]:
    numbers = ":".join(secrets.token_hex(2) for _ in range(4))
    return {"REMOTE_ADDR": f"2001:db8:0:0:{numbers}"}


def test_visitors_and_buyers_who_open_the_page_are_counted(session, client, buyer_client, style):
    other = making.style(session)
    session.commit()
    for browser in (FIREFOX, CUBOT):
        look(client, style, browser)
    look(buyer_client, style)
    look(client, other)
    assert views(session) == {style.id: 3, other.id: 1}
    assert {row.day for row in session.scalars(select(StyleView))} == {market.today()}


@pytest.mark.parametrize("crawler", CRAWLERS)
def test_crawlers_and_programs_are_not_counted(session, client, style, crawler):
    look(client, style, crawler)
    assert views(session) == {}


def test_only_whole_pages_that_somebody_opens_are_counted(session, client, style):
    look(client, style, method="HEAD")
    look(client, style, **{"HX-Request": "true"})
    look(client, style, **{"Sec-Purpose": "prefetch"})
    look(client, style, **{"Sec-Purpose": "prefetch;prerender"})
    client.get(f"/api/v1/styles/{style.id}", headers={"User-Agent": FIREFOX})
    assert views(session) == {}


def test_the_artist_does_not_count(session, artist_client, style):
    look(artist_client, style)
    assert views(session) == {}


def test_a_page_that_is_not_shown_is_not_counted(session, client, style):
    session.execute(update(Style).values(is_flagged=True))
    session.commit()
    answer = client.get(f"/styles/{style.id}", headers={"User-Agent": FIREFOX})
    assert answer.status_code == 404
    assert views(session) == {}


def test_a_trained_style_that_is_not_on_sale_is_not_counted(session, storage, sign_in):
    trained = making.trained(session, storage)
    session.commit()
    look(sign_in(session.get(User, trained.artist_id)), trained)
    assert views(session) == {}


def test_one_person_is_counted_once_a_day(limited_app, session, style, buyer, address, monkeypatch):
    client, other = limited_app.test_client(), limited_app.test_client()
    buyers = [signed_in_client(limited_app, session, buyer) for _ in range(2)]
    for visitor, browser in [(client, FIREFOX), (client, FIREFOX), (other, CUBOT)]:
        visitor.get(f"/styles/{style.id}", headers={"User-Agent": browser}, environ_base=address)
    assert views(session) == {style.id: 2}
    for each, browser in zip(buyers, (FIREFOX, CUBOT), strict=True):  # on two of their devices
        look(each, style, browser)
    assert views(session) == {style.id: 3}
    another = making.style(session)
    session.commit()
    client.get(f"/styles/{another.id}", headers={"User-Agent": FIREFOX}, environ_base=address)
    assert views(session) == {style.id: 3, another.id: 1}


def test_nothing_that_is_stored_tells_who_looked(limited_app, session, style, address, monkeypatch):
    keys = []
    first = rate_limits.is_first
    monkeypatch.setattr(
        rate_limits, "is_first", lambda bucket, key: keys.append(key) or first(bucket, key)
    )
    client = limited_app.test_client()
    client.get(f"/styles/{style.id}", headers={"User-Agent": FIREFOX}, environ_base=address)
    assert [len(key) for key in keys] == [64]
    assert {column.name for column in StyleView.__table__.columns} == {"style_id", "day", "views"}


@pytest.mark.parametrize("lock", ["style_views", "styles"])
def test_a_locked_table_costs_a_view_and_not_the_page(real_app, committed, storage, lock):
    """The whole table, or the row of the style as a delivery locks it."""
    with committed.begin() as session:
        style = making.style(session, storage)
    client = real_app.test_client()
    with committed() as blocking:
        blocking.execute(
            text("LOCK TABLE style_views")
            if lock == "style_views"
            else text("SELECT 1 FROM styles FOR UPDATE")
        )
        with capture_logs() as logs:
            look(client, style)
        assert "view_not_counted" in {line["event"] for line in logs}
    look(client, style)
    with committed() as session:
        assert views(session) == {style.id: 1}


def test_while_another_view_is_counted_too_long_this_one_is_left_out(real_app, committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
    client = real_app.test_client()
    with real_app.app_context(), db.engines[VIEWS].connect():
        with capture_logs() as logs:
            look(client, style)
        assert {"TimeoutError"} == {
            line["error"] for line in logs if line["event"] == "view_not_counted"
        }
    with committed() as session:
        assert views(session) == {}


def test_the_page_itself_sends_nothing_for_the_count(real_app, committed, storage):
    """It is counted when the answer is closed, which servers do once it was sent."""
    with committed.begin() as session:
        style = making.style(session, storage)
    headers = {"User-Agent": FIREFOX}
    answer = real_app.test_client().get(f"/styles/{style.id}", headers=headers, buffered=False)
    with committed() as session:
        assert views(session) == {}
    assert answer.get_data()
    answer.close()
    with committed() as session:
        assert views(session) == {style.id: 1}
