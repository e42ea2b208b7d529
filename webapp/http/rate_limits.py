"""Rate limits (docs/api.md, Rate limits): moving windows in Redis, by the `limits` library.

Every request is counted once, before its guard and whatever its path; the guard refuses it after
authentication. Actions share one bucket, on pages and in the API; pages that are only read have
wider ones, because an open page polls every few seconds. Images are counted after the service call
that ordered them, so a refused or replayed order costs nothing; every attempt to order is counted
in a wider bucket. Sign-in is counted by browser, if it opened the sign-in page, and in a wider
bucket by address.

Each bucket of a request takes two round trips to Redis: one counts, one reads the window for the
headers. While Redis is unreachable, every process counts in its memory: strict buckets stay
limited, the others are open. docs/decisions/rate-limits.md: why this is not Flask-Limiter.
"""

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog
from flask import Flask, Response, current_app, g, request
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from webapp.domain.errors import RateLimitExceeded
from webapp.domain.settings import Settings
from webapp.http import browsers
from webapp.http.buckets import (
    ANONYMOUS,
    ANONYMOUS_PAGES,
    DEEP_SEARCHES,
    IMAGES,
    KEYS,
    LOGIN,
    SETS_ACCOUNTS,
    SETS_ACCOUNTS_A_DAY,
    SETS_TOKENS,
    SIGN_INS,
    SIGNED_IN,
    SIGNED_IN_PAGES,
    VERIFICATIONS,
    VERIFICATIONS_AN_HOUR,
    Bucket,
)
from webapp.http.endpoints import View, record

API = "/api/"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
TIMEOUT_SECONDS = 0.25
REDIS_BACKOFF_SECONDS = 2.0
IPV6_PREFIX = 64

Storage = RedisStorage | MemoryStorage


@dataclass(frozen=True)
class Usage:
    """The state of one bucket of a caller after this request; times are Unix seconds.

    Attributes:
        bucket: the bucket.
        is_exceeded: there was no room for this request, which was not counted.
        remaining: how many more requests fit into the window now.
        reset_at: when the oldest request leaves the window.
        retry_at: when there is room for a request of this cost.

    """

    bucket: Bucket
    is_exceeded: bool
    remaining: int
    reset_at: int
    retry_at: int

    @property
    def retry_after(self) -> int:
        """Return the whole seconds until there is room for such a request, at least one."""
        return max(1, self.retry_at - int(time.time()))


class RateLimits:
    """The counters of one app: in Redis, and in memory while Redis is unreachable."""

    def __init__(self, shared: Storage) -> None:
        self._shared = shared
        self._local = MemoryStorage()
        self._use_shared_from = 0.0

    def hit(self, bucket: Bucket, key: str, cost: int = 1) -> Usage:
        """Count a request if there is room for its cost; return the state of the bucket."""
        if time.monotonic() >= self._use_shared_from:
            try:
                return _hit(self._shared, bucket, key, cost)
            except StorageError:
                structlog.get_logger().warning("rate_limits_without_redis")
                self._use_shared_from = time.monotonic() + REDIS_BACKOFF_SECONDS
        usage = _hit(self._local, bucket, key, cost)
        is_open = usage.is_exceeded and not bucket.strict
        return replace(usage, is_exceeded=False, remaining=0) if is_open else usage


def _hit(storage: Storage, bucket: Bucket, key: str, cost: int) -> Usage:
    limiter, limit = MovingWindowRateLimiter(storage), bucket.limit
    is_counted = limiter.hit(limit, bucket.name, key, cost=cost)
    window = limiter.get_window_stats(limit, bucket.name, key)
    retry_at = window.reset_time
    if cost > 1 and not is_counted:
        # The oldest of the newest entries that leave too little room. MemoryStorage returns the
        # oldest of all, so that the wait may be too short while Redis is unreachable.
        newest = limit.amount - cost + 1
        started_at, _ = storage.get_moving_window(
            limit.key_for(bucket.name, key), newest, limit.get_expiry()
        )
        retry_at = started_at + limit.get_expiry()
    return Usage(
        bucket,
        is_exceeded=not is_counted,
        remaining=window.remaining,
        reset_at=int(window.reset_time) + 1,
        retry_at=int(retry_at) + 1,
    )


def count(bucket: Bucket, key: str, cost: int = 1) -> None:
    """Count this request in a bucket; `enforce` refuses it later."""
    limits: RateLimits | None = current_app.extensions["rate_limits"]
    if limits is not None:
        _usages().append(limits.hit(bucket, key, cost))


def count_request(
    bucket: Bucket | None,
    user_id: str | None,
    *,
    has_token: bool = False,
    key_id: int | None = None,
) -> None:
    """Count this request for its caller, and in the bucket of its view if that has one.

    One with a token of Sets counts for its network too, one with an API key for the key.
    """
    g.caller = client_address() if user_id is None else user_id
    is_sign_in = bucket in {LOGIN, SIGN_INS}
    count(_bucket(is_signed_in=user_id is not None, is_sign_in=is_sign_in), g.caller)
    if has_token:
        count(SETS_TOKENS, client_network())
    if key_id is not None:
        count(KEYS, str(key_id))
    if is_sign_in:
        count(SIGN_INS, client_address())
        if bucket is LOGIN:
            count(LOGIN, browsers.current() or client_address())
    elif bucket is SETS_ACCOUNTS:
        for each in (SETS_ACCOUNTS, SETS_ACCOUNTS_A_DAY):
            count(each, client_network())
    elif bucket is VERIFICATIONS:
        for each in (VERIFICATIONS, VERIFICATIONS_AN_HOUR):
            count(each, client_network())
    elif bucket is not None and user_id is not None:
        count(bucket, user_id)


def _bucket(*, is_signed_in: bool, is_sign_in: bool) -> Bucket:
    """Return the bucket by who calls what; browsers open the addresses of a sign-in as pages."""
    is_page = is_sign_in or not request.path.startswith(API)
    is_page_read = request.method in READS and is_page
    if is_signed_in:
        return SIGNED_IN_PAGES if is_page_read else SIGNED_IN
    return ANONYMOUS_PAGES if is_page_read else ANONYMOUS


@contextmanager
def images(user_id: int, number: int) -> Iterator[None]:
    """Count the images that the block has ordered.

    Raises RateLimitExceeded when there is no room for so many: the transaction rolls the order
    back, so nothing is ordered and nothing was counted.
    """
    yield
    count(IMAGES, str(user_id), number)
    enforce()


def count_deep_search() -> None:
    """Count a deep search of this request's network. Raises RateLimitExceeded."""
    count(DEEP_SEARCHES, client_network())
    enforce()


def is_first(bucket: Bucket, key: str) -> bool:
    """Tell whether there is room in a bucket, and take it; without rate limits, always."""
    limits: RateLimits | None = current_app.extensions["rate_limits"]
    return limits is None or not limits.hit(bucket, key).is_exceeded


def limited(bucket: Bucket) -> Callable[[View], View]:
    """Count calls of a guarded view in a bucket of its own too; place it above the guard."""
    return lambda view: record(view, bucket=bucket)


def exempt(view: View) -> View:
    """Never count calls of this view."""
    return record(view, is_uncounted=True)


def enforce() -> None:
    """Raise RateLimitExceeded when one of the buckets of this request is exceeded."""
    exceeded = [usage for usage in _usages() if usage.is_exceeded]
    if exceeded:
        longest = max(exceeded, key=lambda usage: usage.retry_at)
        raise RateLimitExceeded(
            limit=longest.bucket.limit.amount,
            window_seconds=longest.bucket.limit.get_expiry(),
            retry_after=longest.retry_after,
        )


def _usages() -> list[Usage]:
    usages: list[Usage] = g.setdefault("bucket_usages", [])
    return usages


def caller() -> str:
    """Return the id of the user that this request was counted for, or the address of a visitor."""
    caller_key: str = g.caller
    return caller_key


def client_address() -> str:
    """Return the caller's address, as far as the configured proxies can be trusted."""
    return request.remote_addr or "unknown"


def client_network() -> str:
    """Return the caller's address; of IPv6 its /64, of which one caller may have every address."""
    address = client_address()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # a socket without addresses
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped is not None:
        return address
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


def register(app: Flask, settings: Settings) -> None:
    """Attach the counters, and their headers to every answer that was counted."""
    app.extensions["rate_limits"] = (
        RateLimits(redis_storage(settings.redis_url)) if settings.rate_limits_enabled else None
    )

    @app.after_request
    def add_headers(response: Response) -> Response:
        usages = _usages()
        if usages:
            tightest = min(usages, key=lambda usage: (not usage.is_exceeded, usage.remaining))
            response.headers["X-RateLimit-Limit"] = str(tightest.bucket.limit.amount)
            response.headers["X-RateLimit-Remaining"] = str(tightest.remaining)
            response.headers["X-RateLimit-Reset"] = str(tightest.reset_at)
        return response


def redis_storage(url: str) -> RedisStorage:
    """Return the storage of a Redis URL; it connects on first use and raises StorageError."""
    return RedisStorage(
        url.replace("unix://", "redis+unix://"),
        wrap_exceptions=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
