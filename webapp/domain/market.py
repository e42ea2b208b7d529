"""Days as the market counts them: a licence begins and ends at midnight there, for everybody."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from webapp.domain.settings import settings


def today() -> date:
    """Return the day that it is in the market now."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> date:
    """Return the day of the market in which something happens; `moment` has a zone."""
    return moment.astimezone(ZoneInfo(settings().market_timezone)).date()
