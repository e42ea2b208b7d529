"""Times and dates in the reader's time zone.

The browser sends its time zone in a cookie; without it, times are UTC and marked as UTC.
Certificates, logs, the pages of administrators and files for programs are UTC for everybody, and
say so. Months of statements and days of licences are those of the market, and say so.
"""

from datetime import UTC, date, datetime, timedelta

import pytz
from babel.dates import format_skeleton, get_timezone_location
from flask import request
from flask_babel import format_date, format_datetime, get_locale, gettext, to_user_timezone

from webapp.domain import market as domain_market
from webapp.extensions import app_settings

COOKIE = "timezone"
MINUTES = "yyyy-MM-dd HH:mm"


def timezone() -> str | None:
    """Return the reader's time zone, such as Asia/Seoul, or None when it is unknown."""
    name = request.cookies.get(COOKIE)
    return name if name in pytz.all_timezones_set else None


def moment(when: datetime) -> str:
    """Return a time to the minute in the reader's time zone."""
    return str(format_datetime(when, MINUTES)) + _mark()


def in_zone(time: str, zone: str) -> str:
    """Return a text of a time with the city of its time zone, in the reader's language."""
    city = str(get_timezone_location(zone, locale=get_locale(), return_city=True))
    return gettext("%(day)s (%(city)s time)", day=time, city=city)


def time_of_day(when: datetime) -> str:
    """Return hour and minute in the reader's time zone."""
    return str(format_datetime(when, "HH:mm")) + _mark()


def utc(when: datetime) -> str:
    """Return a time to the minute in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def market() -> str:
    """Return the city of the market's time zone, in the reader's language."""
    name = app_settings().market_timezone
    return str(get_timezone_location(name, locale=get_locale(), return_city=True))


def market_day(day: date) -> str:
    """Return a day of a licence with the city of its time zone."""
    return in_zone(day.isoformat(), app_settings().market_timezone)


def market_time(when: datetime) -> str:
    """Return a time to the minute in the market's time zone, with its city."""
    return in_zone(f"{domain_market.local(when):%Y-%m-%d %H:%M}", app_settings().market_timezone)


def _mark() -> str:
    return "" if timezone() else " UTC"


def day_name(when: datetime) -> str:
    """Return the day of a time for the reader: today, yesterday, or the date."""
    day, today = to_user_timezone(when).date(), to_user_timezone(datetime.now(UTC)).date()
    if day == today:
        return gettext("Today")
    if day == today - timedelta(days=1):
        return gettext("Yesterday")
    return str(format_date(day, "long"))


def month_name(month: datetime) -> str:
    """Return a month with its year, short, in the reader's language."""
    return str(format_skeleton("yMMM", month, locale=get_locale()))


def month_word(month: datetime) -> str:
    """Return the name of a month without the year."""
    return str(format_skeleton("MMM", month, locale=get_locale()))


def month_of(when: datetime) -> datetime:
    """Return the start of the month of a time, in the reader's time zone."""
    here = to_user_timezone(when)
    return _first(here.year, here.month)


def month_named(name: str) -> datetime:
    """Return the start of a month written as 2026-11, in the reader's time zone."""
    named = datetime.strptime(name, "%Y-%m")  # noqa: DTZ007 - the zone is set below
    return _first(named.year, named.month)


def month_before(month: datetime) -> datetime:
    """Return the start of the previous month."""
    return _first(month.year - (month.month == 1), (month.month - 2) % 12 + 1)


def month_after(month: datetime) -> datetime:
    """Return the start of the next month."""
    return _first(month.year + month.month // 12, month.month % 12 + 1)


def _first(year: int, month: int) -> datetime:
    zone = pytz.timezone(timezone() or "UTC")
    return zone.localize(datetime(year, month, 1))  # noqa: DTZ001 - localize wants it so
