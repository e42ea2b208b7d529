"""Times as the reader's own clock and calendar show them.

A browser says in a cookie where it is; until it has, and for whoever sends none, all is UTC and
says so. What is proved or compared between people – certificates, logs – is UTC for everybody.
"""

from datetime import UTC, date, datetime, timedelta

import pytz
from babel.dates import format_skeleton, get_timezone_location
from flask import request
from flask_babel import format_date, format_datetime, get_locale, gettext, to_user_timezone

from webapp.extensions import app_settings

COOKIE = "timezone"
MINUTES = "yyyy-MM-dd HH:mm"


def timezone() -> str | None:
    """Return the reader's time zone, such as Asia/Seoul, or None when it is not known."""
    said = request.cookies.get(COOKIE)
    return said if said in pytz.all_timezones_set else None


def moment(when: datetime) -> str:
    """Return a time to the minute on the reader's clock."""
    return str(format_datetime(when, MINUTES)) + _mark()


def time_of_day(when: datetime) -> str:
    """Return the hour and minute on the reader's clock."""
    return str(format_datetime(when, "HH:mm")) + _mark()


def utc(when: datetime) -> str:
    """Return a time to the minute in UTC, equal for everybody."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def market() -> str:
    """Return where the days of licences begin: the city, as the reader's language calls it."""
    name = app_settings().market_timezone
    return str(get_timezone_location(name, locale=get_locale(), return_city=True))


def market_day(day: date) -> str:
    """Return a day of a licence, and in which city it is one."""
    return gettext("%(day)s (%(city)s time)", day=day.isoformat(), city=market())


def _mark() -> str:
    return "" if timezone() else " UTC"


def day_name(when: datetime) -> str:
    """Return the reader's day of a moment: today, yesterday, or its date."""
    day, today = to_user_timezone(when).date(), to_user_timezone(datetime.now(UTC)).date()
    if day == today:
        return gettext("Today")
    if day == today - timedelta(days=1):
        return gettext("Yesterday")
    return str(format_date(day, "long"))


def month_name(month: datetime) -> str:
    """Return a month with its year, short, as the reader's language writes it."""
    return str(format_skeleton("yMMM", month, locale=get_locale()))


def month_word(month: datetime) -> str:
    """Return a month without its year."""
    return str(format_skeleton("MMM", month, locale=get_locale()))


def month_of(when: datetime) -> datetime:
    """Return the first moment of the reader's month in which something happened."""
    here = to_user_timezone(when)
    return _first(here.year, here.month)


def month_named(name: str) -> datetime:
    """Return the first moment of a month named as 2026-11."""
    named = datetime.strptime(name, "%Y-%m")  # noqa: DTZ007 - the zone is given below
    return _first(named.year, named.month)


def month_before(month: datetime) -> datetime:
    """Return the first moment of the month before."""
    return _first(month.year - (month.month == 1), (month.month - 2) % 12 + 1)


def month_after(month: datetime) -> datetime:
    """Return the first moment of the month after."""
    return _first(month.year + month.month // 12, month.month % 12 + 1)


def _first(year: int, month: int) -> datetime:
    zone = pytz.timezone(timezone() or "UTC")
    return zone.localize(datetime(year, month, 1))  # noqa: DTZ001 - localize wants it so
