"""Sliding-window rate limits of the contract, counted in Redis by the `limits` library.

Counted once per request, before the guards; refused by the guards, after authentication. With
Redis away every process counts for itself: sign-in and image orders stay limited, reads are open.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from redis.exceptions import RedisError

from webapp.domain.errors import RateLimitExceeded
from webapp.domain.settings import Settings

TIMEOUT_SECONDS = 0.25
REDIS_REST_SECONDS = 2.0
# The library's two scripts, to count and to look, in one round trip; the second names its own ARGV.
TAKE = f"""
local function count()
{RedisStorage.SCRIPT_ACQUIRE_MOVING_WINDOW.decode()}
end
local function look(ARGV)
{RedisStorage.SCRIPT_MOVING_WINDOW.decode()}
end
local had_room = count()
local window = look({{ARGV[1] - ARGV[3], ARGV[2]}}) or {{ARGV[1], 0}}
return {{had_room and 1 or 0, window[1], window[2]}}
"""


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


class Windows(Protocol):
    """Where requests are counted."""

    def take(self, limit: RateLimitItem, key: str, cost: int) -> tuple[bool, float, int]:
        """Count a request; return whether there was room, when the window began, its requests."""


class OwnWindows:
    """Windows in this process's memory."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    def take(self, limit: RateLimitItem, key: str, cost: int) -> tuple[bool, float, int]:
        """See `Windows.take`."""
        amount, seconds = limit.amount, limit.get_expiry()
        had_room = self._storage.acquire_entry(key, amount, seconds, amount=cost)
        return had_room, *self._storage.get_moving_window(key, amount, seconds)


class SharedWindows:
    """Windows in Redis, shared by all processes; one round trip each."""

    def __init__(self, storage: RedisStorage) -> None:
        self._prefixed = storage.prefixed_key
        self._script = storage.get_connection().register_script(TAKE)

    def take(self, limit: RateLimitItem, key: str, cost: int) -> tuple[bool, float, int]:
        """See `Windows.take`."""
        wanted = [time.time(), limit.amount, limit.get_expiry(), cost]
        had_room, began, count = self._script([self._prefixed(key)], wanted)
        return bool(had_room), float(began), count


class RateLimits:
    """The counters of one app: Redis first, memory while Redis rests."""

    def __init__(self, shared: Windows) -> None:
        self._shared = shared
        self._own = OwnWindows()
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


def _hit(windows: Windows, bucket: Bucket, key: str, cost: int) -> Standing:
    limit = bucket.limit
    had_room, began, count = windows.take(limit, limit.key_for(bucket.name, key), cost)
    return Standing(bucket, not had_room, limit.amount - count, int(began + limit.get_expiry()) + 1)


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
            SharedWindows(
                RedisStorage(
                    settings.redis_url.replace("unix://", "redis+unix://"),
                    socket_timeout=TIMEOUT_SECONDS,
                    socket_connect_timeout=TIMEOUT_SECONDS,
                )
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
