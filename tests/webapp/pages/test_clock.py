from datetime import UTC, datetime

import pytest
from flask import request
from werkzeug.test import EnvironBuilder

from webapp.pages import clock

NEW_YEAR = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)  # it is 2026 in Seoul already


@pytest.fixture
def somewhere(app):
    """Asks something as a reader whose browser says where it is."""

    def ask(zone, call):
        cookie = f"{clock.COOKIE}={zone}" if zone else ""
        with app.request_context(EnvironBuilder(headers={"Cookie": cookie}).get_environ()):
            assert request.cookies.get(clock.COOKIE) == zone
            return call()

    return ask


@pytest.mark.parametrize(
    "zone, read",
    [
        (None, "2025-12-31 23:30 UTC"),
        ("Asia/Seoul", "2026-01-01 08:30"),
        ("America/New_York", "2025-12-31 18:30"),
        ("Nowhere/At_All", "2025-12-31 23:30 UTC"),
    ],
)
def test_times_are_read_off_the_readers_clock(somewhere, zone, read):
    assert somewhere(zone, lambda: clock.moment(NEW_YEAR)) == read
    assert somewhere(zone, lambda: clock.time_of_day(NEW_YEAR)) == read[11:]
    assert somewhere(zone, lambda: clock.utc(NEW_YEAR)) == "2025-12-31 23:30 UTC"


@pytest.mark.parametrize(
    "language, read",
    [("en", "2026-01-01 08:30 (Seoul time)"), ("ko", "2026-01-01 08:30 (서울 시간)")],
)
def test_times_of_the_market_name_its_zone(app, language, read):
    headers = {"Cookie": "timezone=America/New_York", "Accept-Language": language}
    with app.test_request_context(headers=headers):
        assert clock.market_time(NEW_YEAR) == read


def test_months_begin_where_the_reader_is(somewhere):
    def months():
        month = clock.month_of(NEW_YEAR)
        before = clock.month_before(month)
        assert clock.month_after(before) == month
        assert clock.month_named(f"{month:%Y-%m}") == month
        return f"{before:%Y-%m} {month:%Y-%m}", month.astimezone(UTC)

    assert somewhere(None, months) == ("2025-11 2025-12", datetime(2025, 12, 1, tzinfo=UTC))
    seoul = datetime(2025, 12, 31, 15, tzinfo=UTC)
    assert somewhere("Asia/Seoul", months) == ("2025-12 2026-01", seoul)


def test_summer_time_moves_the_first_of_a_month(somewhere):
    def first():
        return clock.month_named("2026-07").astimezone(UTC).hour

    assert somewhere("Europe/Berlin", first) == 22


def test_days_change_at_the_readers_midnight(somewhere):
    now = datetime.now(UTC)
    for zone in (None, "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert somewhere(zone, lambda: clock.day_name(now)) == "Today"
    assert somewhere("Asia/Seoul", lambda: clock.day_name(NEW_YEAR)) == "January 1, 2026"
    assert somewhere(None, lambda: clock.day_name(NEW_YEAR)) == "December 31, 2025"
