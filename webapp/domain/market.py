"""Dates in the market's time zone: licences and offers begin and end at midnight there."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from webapp.domain.settings import settings


def today() -> date:
    """Return today's date in the market's time zone."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> date:
    """Return the date of a moment in the market's time zone; `moment` has a time zone."""
    return moment.astimezone(ZoneInfo(settings().market_timezone)).date()
