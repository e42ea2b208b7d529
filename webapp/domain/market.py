"""Dates in the market's time zone: licences and offers begin and end at midnight there."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from webapp.domain.settings import settings

DECEMBER = 12


def today() -> date:
    """Return today's date in the market's time zone."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> date:
    """Return the date of a moment in the market's time zone; `moment` has a time zone."""
    return moment.astimezone(ZoneInfo(settings().market_timezone)).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a date in the market's time zone, and that of the next date."""
    zone = ZoneInfo(settings().market_timezone)
    first, next_first = (
        datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1))
    )
    return first, next_first


def month(year: int, number: int) -> tuple[datetime, datetime]:
    """Return the first moment of a month in the market's time zone, and that of the next month."""
    following = (year + number // DECEMBER, number % DECEMBER + 1)
    return bounds(date(year, number, 1))[0], bounds(date(*following, 1))[0]


def local(moment: datetime) -> datetime:
    """Return a moment in the market's time zone; `moment` has a time zone."""
    return moment.astimezone(ZoneInfo(settings().market_timezone))


def next_hour(moment: datetime, hour: int, *, weekday: int | None = None) -> datetime:
    """Return the first time after a moment at which a day of the market reaches an hour.

    Only of days of the week of that number, from 0 for Monday, unless it is None.
    """
    zone = ZoneInfo(settings().market_timezone)
    day = day_of(moment)
    while True:
        at = datetime.combine(day, time(hour), zone)
        if at > moment and weekday in {None, day.weekday()}:
            return at
        day += timedelta(days=1)
