"""Sliding-window rate limits of the contract, counted in Redis by the `limits` library.

Counted once per request, before the guards; refused by the guards, after authentication. With
Redis away every process counts for itself: sign-in and image orders stay limited, reads are open.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from webapp.domain.errors import RateLimitExceeded
from webapp.domain.settings import Settings

TIMEOUT_SECONDS = 0.25
REDIS_REST_SECONDS = 2.0


@dataclass(frozen=True)
class Bucket:
    """One limit; a strict one holds even while Redis is away."""

    name: str
    limit: RateLimitItem
    strict: bool = False


LOGIN = Bucket("login", RateLimitItemPerMinute(5, 5), strict=True)
GENERATION = Bucket("generation", RateLimitItemPerMinute(6), strict=True)
SIGNED_IN = Bucket("signed-in", RateLimitItemPerMinute(100))
ANONYMOUS = Bucket("anonymous", RateLimitItemPerMinute(50))


@dataclass(frozen=True)
class Standing:
    """Where a caller stands in one bucket after this request."""

    bucket: Bucket
    refused: bool
    remaining: int
    reset: int

    @property
    def retry_after(self) -> int:
        """Return the whole seconds until there is room again, at least one."""
        return max(1, self.reset - int(time.time()))


class RateLimits:
    """The counters of one app: Redis first, memory while Redis rests."""

    def __init__(self, redis: Storage) -> None:
        self._shared = MovingWindowRateLimiter(redis)
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._redis_rests_until = 0.0

    def hit(self, bucket: Bucket, key: str, cost: int) -> Standing:
        """Count a request and return where its caller stands."""
        if time.monotonic() >= self._redis_rests_until:
            try:
                return _hit(self._shared, bucket, key, cost)
            except RedisError:
                structlog.get_logger().warning("rate_limits_without_redis")
                self._redis_rests_until = time.monotonic() + REDIS_REST_SECONDS
        standing = _hit(self._own, bucket, key, cost)
        is_open = standing.refused and not bucket.strict
        return Standing(bucket, False, 0, standing.reset) if is_open else standing


def _hit(limiter: MovingWindowRateLimiter, bucket: Bucket, key: str, cost: int) -> Standing:
    allowed = limiter.hit(bucket.limit, bucket.name, key, cost=cost)
    window = limiter.get_window_stats(bucket.limit, bucket.name, key)
    return Standing(bucket, not allowed, window.remaining, int(window.reset_time) + 1)


def count(bucket: Bucket, key: str, cost: int = 1) -> None:
    """Count this request in a bucket; `enforce` refuses it later."""
    limits: RateLimits | None = current_app.extensions["rate_limits"]
    if limits is not None:
        g.setdefault("standings", []).append(limits.hit(bucket, key, cost))


def count_request(view: Callable[..., Any] | None, user_id: str | None) -> None:
    """Count this request for its caller, and in the bucket of its view if that has one."""
    address = client_address()
    if user_id is None:
        count(ANONYMOUS, address)
    else:
        count(SIGNED_IN, user_id)
    bucket: Bucket | None = getattr(view, "bucket", None)
    if bucket is LOGIN:
        count(LOGIN, address)
    elif bucket is not None and user_id is not None:
        count(bucket, user_id, view.cost())  # type: ignore[union-attr]


def limited(
    bucket: Bucket, cost: Callable[[], int] = lambda: 1
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Count calls of a guarded view in a bucket of its own too; stands above its guard."""

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        view.bucket, view.cost = bucket, cost  # type: ignore[attr-defined]
        return view

    return mark


def exempt(view: Callable[..., Any]) -> Callable[..., Any]:
    """Never count calls of this view."""
    view.rate_exempt = True  # type: ignore[attr-defined]
    return view


def enforce() -> None:
    """Raise RateLimitExceeded when one of the buckets this request was counted in is full."""
    refused = [standing for standing in g.get("standings", []) if standing.refused]
    if refused:
        worst = max(refused, key=lambda standing: standing.reset)
        raise RateLimitExceeded(
            limit=worst.bucket.limit.amount,
            window_seconds=worst.bucket.limit.get_expiry(),
            retry_after=worst.retry_after,
        )


def client_address() -> str:
    """Return the caller's address, as far as the configured proxies can be trusted."""
    return request.remote_addr or "unknown"


def register(app: Flask, settings: Settings) -> None:
    """Attach the counters, and their headers to every answer that was counted."""
    app.extensions["rate_limits"] = (
        RateLimits(
            storage_from_string(
                settings.redis_url.replace("unix://", "redis+unix://"),
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
            )
        )
        if settings.rate_limits_enabled
        else None
    )

    @app.after_request
    def add_headers(response: Response) -> Response:
        standings: list[Standing] = g.get("standings", [])
        if standings:
            tightest = min(standings, key=lambda each: (not each.refused, each.remaining))
            response.headers["X-RateLimit-Limit"] = str(tightest.bucket.limit.amount)
            response.headers["X-RateLimit-Remaining"] = str(tightest.remaining)
            response.headers["X-RateLimit-Reset"] = str(tightest.reset)
        return response
