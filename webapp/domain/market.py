"""Dates in the market's time zone: licences and offers begin and end at midnight there."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from webapp.domain.settings import settings


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
