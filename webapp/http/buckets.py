"""The rate limits: which requests are counted together, and how many of them are allowed."""

from dataclasses import dataclass

from limits import (
    RateLimitItem,
    RateLimitItemPerDay,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
)


@dataclass(frozen=True)
class Bucket:
    """One limit; a strict one holds even while Redis is unreachable."""

    name: str
    limit: RateLimitItem
    strict: bool = False


LOGIN = Bucket("login", RateLimitItemPerMinute(5, 5), strict=True)
# Both steps of a sign-in, of all browsers at an address: twenty people with two tabs each need 80.
SIGN_INS = Bucket("sign-ins", RateLimitItemPerMinute(100, 5), strict=True)
# New anonymous accounts of Sets, which get credits: by network, because browsers are free.
SETS_ACCOUNTS = Bucket("sets-accounts", RateLimitItemPerMinute(5, 5), strict=True)
SETS_ACCOUNTS_A_DAY = Bucket("sets-accounts-a-day", RateLimitItemPerDay(50), strict=True)
# Calls with tokens of Sets, of all accounts in a network: one call creates an account.
SETS_TOKENS = Bucket("sets-tokens", RateLimitItemPerMinute(600))
# Searches of an album cost no credits, but each occupies a GPU.
SETS_SEARCHES = Bucket("sets-searches", RateLimitItemPerHour(30), strict=True)
# Uploads to verify: by network, signed in or not. Each takes up to a second of a processor.
VERIFICATIONS = Bucket("verifications", RateLimitItemPerMinute(10), strict=True)
VERIFICATIONS_AN_HOUR = Bucket("verifications-an-hour", RateLimitItemPerHour(60), strict=True)
# Deep searches take seconds of a processor each, and share one queue.
DEEP_SEARCHES = Bucket("deep-searches", RateLimitItemPerMinute(3), strict=True)
# Nothing is refused: a person's second view of a style on a day is not counted.
STYLE_VIEWS = Bucket("style-views", RateLimitItemPerDay(1), strict=True)
IMAGES = Bucket("generation", RateLimitItemPerMinute(6), strict=True)
ORDERS = Bucket("orders", RateLimitItemPerMinute(30), strict=True)
# Zips of own pictures: one of 50 takes about ten seconds of a processor for its signed PDFs.
ARCHIVES = Bucket("archives", RateLimitItemPerMinute(2), strict=True)
# Test messages to webhooks: by person, because an address is deleted and added again for nothing.
WEBHOOK_TESTS = Bucket("webhook-tests", RateLimitItemPerHour(10), strict=True)
SIGNED_IN = Bucket("signed-in", RateLimitItemPerMinute(100))
# Of one API key, within the limits of its person: a program leaves room for the person and others.
KEYS = Bucket("api-keys", RateLimitItemPerMinute(60))
ANONYMOUS = Bucket("anonymous", RateLimitItemPerMinute(50))
# An open page of a training or of test pictures polls up to 30 times a minute.
SIGNED_IN_PAGES = Bucket("signed-in-pages", RateLimitItemPerMinute(200))
# Many visitors may share one address.
ANONYMOUS_PAGES = Bucket("anonymous-pages", RateLimitItemPerMinute(300))
