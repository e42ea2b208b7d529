"""The numbers in the documents of the site, each from the code or setting that decides it."""

from dataclasses import asdict, dataclass

from flask_babel import format_decimal

from webapp.domain.models.generation import AspectRatio
from webapp.domain.prices import MAX_PRICE_TOKENS, MIN_PRICE_TOKENS
from webapp.domain.services import (
    accounts,
    artworks,
    deep_searches,
    garbage,
    ledger,
    mail_digests,
    packages,
    purchases,
    sets_jobs,
    sets_sweeps,
    webhook_deliveries,
)
from webapp.domain.services.payouts import PayoutTerms
from webapp.domain.services.purchase_delivery import PRO_MONTH
from webapp.domain.services.sets_accounts import WELCOME_CREDITS
from webapp.domain.settings import Settings
from webapp.http import browsers
from webapp.http.google import STATE_SECONDS

HOUR_SECONDS, MINUTE_SECONDS = 3600, 60


@dataclass(frozen=True)
class Figures:
    """Numbers of today; prices of tokens in whole units of the currency, times as named.

    A side is in pixels, a factor multiplies the price of a square picture.
    """

    welcome_tokens: int
    lowest_price: int
    highest_price: int
    square_side: int
    portrait_factor: int
    large_factor: int
    cheapest_token: int
    dearest_token: int
    payout_worth: int
    payout_least: int
    payout_days: int
    payment_minutes: int
    welcome_credits: int
    pro_days: int
    pro_credits: int
    album_days: int
    unused_days: int
    least_artworks: int
    sign_in_days: int
    read_days: int
    unread_days: int
    job_days: int
    digest_days: int
    webhook_days: int
    search_minutes: int
    garbage_hours: int
    browser_hours: int
    attempt_minutes: int


def today(settings: Settings) -> Figures:
    """Return the numbers of this installation."""
    token_prices = packages.token_prices()
    payout_terms = PayoutTerms.of(settings)
    return Figures(
        welcome_tokens=ledger.WELCOME_TOKENS,
        lowest_price=MIN_PRICE_TOKENS,
        highest_price=MAX_PRICE_TOKENS,
        square_side=AspectRatio.SQUARE.size[0],
        portrait_factor=AspectRatio.PORTRAIT.price_factor,
        large_factor=AspectRatio.LARGE_SQUARE.price_factor,
        cheapest_token=token_prices.cheapest,
        dearest_token=token_prices.dearest,
        payout_worth=payout_terms.krw_per_token,
        payout_least=payout_terms.minimum_tokens,
        payout_days=payout_terms.within_days,
        payment_minutes=int(purchases.LIFETIME.total_seconds()) // MINUTE_SECONDS,
        welcome_credits=WELCOME_CREDITS,
        pro_days=PRO_MONTH.days,
        pro_credits=packages.SETS_PLANS[0].amount_credits,
        album_days=sets_jobs.RETENTION.days,
        unused_days=sets_sweeps.UNUSED.days,
        least_artworks=artworks.MIN_IMAGES,
        sign_in_days=accounts.SIGN_IN_LIFETIME.days,
        read_days=settings.notification_retention_days,
        unread_days=settings.unread_notification_retention_days,
        job_days=settings.job_retention_days,
        digest_days=mail_digests.KEPT.days,
        webhook_days=webhook_deliveries.KEPT.days,
        search_minutes=int(deep_searches.KEPT.total_seconds()) // MINUTE_SECONDS,
        garbage_hours=int(garbage.MIN_AGE.total_seconds()) // HOUR_SECONDS,
        browser_hours=browsers.LIFETIME_SECONDS // HOUR_SECONDS,
        attempt_minutes=STATE_SECONDS // MINUTE_SECONDS,
    )


def written(figures: Figures) -> dict[str, str]:
    """Return the numbers as text in the language of the request, by their names."""
    return {name: str(format_decimal(value)) for name, value in asdict(figures).items()}
