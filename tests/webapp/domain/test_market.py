from datetime import UTC, date, datetime

import pytest

from tests import making
from webapp.domain import market
from webapp.domain.queries import licenses as license_queries
from webapp.domain.services import offers
from webapp.domain.settings import SettingsError, settings
from webapp.schemas.styles import StyleFields

# Eleven at night in Seoul is still the same day there; an hour later it is not.
BEFORE_MIDNIGHT = datetime(2026, 11, 30, 14, 59, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)


def test_a_day_is_that_of_the_market():
    first, next_first = market.bounds(date(2026, 11, 30))
    assert first == datetime(2026, 11, 29, 15, tzinfo=UTC)
    assert next_first == AFTER_MIDNIGHT


@pytest.fixture
def at(monkeypatch):
    """Let it be a moment."""

    def be(moment):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return moment.astimezone(tz)

        monkeypatch.setattr("webapp.domain.market.datetime", Clock)

    return be


def test_a_day_begins_at_midnight_in_seoul(environment):
    assert market.day_of(BEFORE_MIDNIGHT) == date(2026, 11, 30)
    assert market.day_of(AFTER_MIDNIGHT) == date(2026, 12, 1)


def test_another_market_can_be_configured(environment, monkeypatch):
    monkeypatch.setenv("MARKET_TIMEZONE", "America/New_York")
    settings.cache_clear()
    assert market.day_of(AFTER_MIDNIGHT) == date(2026, 11, 30)
    monkeypatch.setenv("MARKET_TIMEZONE", "Seoul")
    settings.cache_clear()
    with pytest.raises(SettingsError, match="MARKET_TIMEZONE"):
        settings()
    monkeypatch.delenv("MARKET_TIMEZONE")
    settings.cache_clear()


def test_an_offer_ends_with_its_last_day_in_the_market(at):
    at(BEFORE_MIDNIGHT)
    assert offers.is_in_period(date(2026, 11, 1), date(2026, 11, 30))
    assert not offers.is_in_period(date(2026, 12, 1), None)
    at(AFTER_MIDNIGHT)
    assert not offers.is_in_period(date(2026, 11, 1), date(2026, 11, 30))
    assert offers.is_in_period(date(2026, 12, 1), None)


def test_the_last_day_of_a_new_style_is_after_today_in_the_market(at):
    fields = {"name": "Ink Harbor", "description": "Piers.", "price_tokens": 1}
    at(BEFORE_MIDNIGHT)
    assert StyleFields(**fields, valid_to=date(2026, 12, 1))
    at(AFTER_MIDNIGHT)
    with pytest.raises(ValueError, match="after today"):
        StyleFields(**fields, valid_to=date(2026, 12, 1))


def test_a_certificate_counts_from_the_day_of_the_market_and_runs_out_with_its_last(
    session, storage, at
):
    at(AFTER_MIDNIGHT)
    wanted = making.style(
        session, storage, valid_from=date(2026, 11, 1), valid_to=date(2026, 12, 1)
    )
    [image] = making.order(session, making.user(session), wanted)
    making.finish(session, storage, image)
    session.refresh(image)
    public_id = image.license_public_id

    def seen():
        return license_queries.certificate(session, storage, public_id=public_id)

    assert (seen().valid_from, seen().status) == (date(2026, 12, 1), "valid")
    at(datetime(2026, 12, 1, 14, 59, tzinfo=UTC))
    assert seen().status == "valid"
    at(datetime(2026, 12, 1, 15, 0, tzinfo=UTC))
    assert seen().status == "expired"
