"""Sliding-window rate limits (docs/api.md, Rate limits), counted in Redis by the `limits` library.

Every request is counted once, before the guards, whatever its path; it is refused by the guards,
after authentication. Pages and API share one bucket for what people do; pages that are only looked
at have wider ones, because an open page asks again every few seconds. Images are counted by the
service call that orders them, from the body that was parsed for it: a refused order and a replayed
one cost none, but every attempt counts in a wider bucket. Sign-in is counted by browser, where it
began at the sign-in page, and in a wider bucket by address. With Redis away every process counts
for itself: sign-in and image orders stay limited, the rest is open.
"""

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog
from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from redis.exceptions import RedisError

from webapp.domain.errors import RateLimitExceeded
from webapp.domain.settings import Settings
from webapp.http import browsers
from webapp.http.buckets import (
    ANONYMOUS,
    ANONYMOUS_PAGES,
    IMAGES,
    LOGIN,
    SETS_ACCOUNTS,
    SETS_ACCOUNTS_A_DAY,
    SETS_TOKENS,
    SIGN_INS,
    SIGNED_IN,
    SIGNED_IN_PAGES,
    Bucket,
)
from webapp.http.endpoints import View, record

API = "/api/"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
TIMEOUT_SECONDS = 0.25
REDIS_REST_SECONDS = 2.0
IPV6_PREFIX = 64
# The library's two scripts, to count and to look, in one round trip; the second names its own ARGV.
# The last value is the entry that must leave the window before there is room for so many.
TAKE = f"""
local function count()
{RedisStorage.SCRIPT_ACQUIRE_MOVING_WINDOW.decode()}
end
local function look(ARGV)
{RedisStorage.SCRIPT_MOVING_WINDOW.decode()}
end
local had_room = count()
local window = look({{ARGV[1] - ARGV[3], ARGV[2]}}) or {{ARGV[1], 0}}
local in_the_way = redis.call('lindex', KEYS[1], ARGV[2] - ARGV[4])
return {{had_room and 1 or 0, window[1], window[2], in_the_way or ARGV[1]}}
"""
# A number is written into the list as the library's script does it.
GIVE_BACK = "return redis.call('lrem', KEYS[1], ARGV[2], tonumber(ARGV[1]))"


@dataclass(frozen=True)
class Taken:
    """What one request took from a window: nothing where there was no room.

    `count` is how many were taken in all since the window `began`; `in_the_way` is when that was
    taken which leaves too little room.
    """

    had_room: bool
    began: float
    count: int
    in_the_way: float
    give_back: Callable[[], object]


@dataclass(frozen=True)
class Standing:
    """Where a caller stands in one bucket after this request."""

    bucket: Bucket
    refused: bool
    remaining: int
    reset: int
    free_at: int
    give_back: Callable[[], object] = field(compare=False, repr=False)

    @property
    def retry_after(self) -> int:
        """Return the whole seconds until there is room for such a request, at least one."""
        return max(1, self.free_at - int(time.time()))


class Windows(Protocol):
    """Where requests are counted."""

    def take(self, limit: RateLimitItem, key: str, cost: int) -> Taken:
        """Count a request if there is room for it."""


class OwnWindows:
    """Windows in this process's memory."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    def take(self, limit: RateLimitItem, key: str, cost: int) -> Taken:
        """See `Windows.take`."""
        amount, seconds = limit.amount, limit.get_expiry()
        had_room = self._storage.acquire_entry(key, amount, seconds, amount=cost)
        window = self._storage.get_moving_window(key, amount, seconds)
        entries = self._storage.events.get(key, [])[amount - cost :]
        in_the_way = entries[0].atime if entries else time.time()
        return Taken(had_room, *window, in_the_way, lambda: self._give_back(key, cost))

    def _give_back(self, key: str, cost: int) -> None:
        with self._storage.locks[key]:
            del self._storage.events.get(key, [])[:cost]


class SharedWindows:
    """Windows in Redis, shared by all processes; one round trip each."""

    def __init__(self, storage: RedisStorage) -> None:
        self._prefixed = storage.prefixed_key
        self._take = storage.get_connection().register_script(TAKE.encode())
        self._give_back = storage.get_connection().register_script(GIVE_BACK.encode())

    def take(self, limit: RateLimitItem, key: str, cost: int) -> Taken:
        """See `Windows.take`."""
        keys, now = [self._prefixed(key)], time.time()
        numbers = [now, limit.amount, limit.get_expiry(), cost]
        had_room, began, count, in_the_way = self._take(keys, numbers)
        return Taken(
            bool(had_room),
            float(began),
            count,
            float(in_the_way),
            lambda: self._give_back(keys, [now, cost]),
        )


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
        return replace(standing, refused=False, remaining=0) if is_open else standing


def _hit(windows: Windows, bucket: Bucket, key: str, cost: int) -> Standing:
    limit = bucket.limit
    taken = windows.take(limit, limit.key_for(bucket.name, key), cost)
    reset, free_at = (
        int(moment + limit.get_expiry()) + 1 for moment in (taken.began, taken.in_the_way)
    )
    left = limit.amount - taken.count
    return Standing(bucket, not taken.had_room, left, reset, free_at, taken.give_back)


def count(bucket: Bucket, key: str, cost: int = 1) -> Standing | None:
    """Count this request in a bucket; `enforce` refuses it later."""
    limits: RateLimits | None = current_app.extensions["rate_limits"]
    if limits is None:
        return None
    standing = limits.hit(bucket, key, cost)
    _standings().append(standing)
    return standing


def count_request(bucket: Bucket | None, user_id: str | None, *, has_token: bool = False) -> None:
    """Count this request for its caller, and in the bucket of its view if that has one.

    One with a token of Sets counts for its network too.
    """
    g.caller = client_address() if user_id is None else user_id
    is_sign_in = bucket in {LOGIN, SIGN_INS}
    count(_bucket(is_signed_in=user_id is not None, is_sign_in=is_sign_in), g.caller)
    if has_token:
        count(SETS_TOKENS, client_network())
    if is_sign_in:
        count(SIGN_INS, client_address())
        if bucket is LOGIN:
            count(LOGIN, browsers.known() or client_address())
    elif bucket is SETS_ACCOUNTS:
        for each in (SETS_ACCOUNTS, SETS_ACCOUNTS_A_DAY):
            count(each, client_network())
    elif bucket is not None and user_id is not None:
        count(bucket, user_id)


def _bucket(*, is_signed_in: bool, is_sign_in: bool) -> Bucket:
    """Return the bucket of a request by who sends it; browsers open the addresses of a sign-in."""
    is_page = is_sign_in or not request.path.startswith(API)
    is_look_at_page = request.method in READS and is_page
    if is_signed_in:
        return SIGNED_IN_PAGES if is_look_at_page else SIGNED_IN
    return ANONYMOUS_PAGES if is_look_at_page else ANONYMOUS


@contextmanager
def images(user_id: int, number: int) -> Iterator[None]:
    """Count the images that the block orders; a block that raises has ordered none.

    Raises RateLimitExceeded when there is no room for so many.
    """
    standing = count(IMAGES, str(user_id), number)
    enforce()
    try:
        yield
    except Exception:
        if standing is not None:
            _standings().remove(standing)
            with suppress(RedisError):
                standing.give_back()
        raise


def limited(bucket: Bucket) -> Callable[[View], View]:
    """Count calls of a guarded view in a bucket of its own too; stands above its guard."""
    return lambda view: record(view, bucket=bucket)


def exempt(view: View) -> View:
    """Never count calls of this view."""
    return record(view, is_uncounted=True)


def enforce() -> None:
    """Raise RateLimitExceeded when one of the buckets this request was counted in is full."""
    refused = [standing for standing in _standings() if standing.refused]
    if refused:
        worst = max(refused, key=lambda standing: standing.free_at)
        raise RateLimitExceeded(
            limit=worst.bucket.limit.amount,
            window_seconds=worst.bucket.limit.get_expiry(),
            retry_after=worst.retry_after,
        )


def _standings() -> list[Standing]:
    found: list[Standing] = g.setdefault("standings", [])
    return found


def caller() -> str:
    """Return the id of the person this request was counted for, or the address of a visitor."""
    found: str = g.caller
    return found


def client_address() -> str:
    """Return the caller's address, as far as the configured proxies can be trusted."""
    return request.remote_addr or "unknown"


def client_network() -> str:
    """Return the caller's address; of IPv6 its /64, of which one caller may have every address."""
    address = client_address()
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address  # a socket without addresses
    if isinstance(known, ipaddress.IPv4Address) or known.ipv4_mapped is not None:
        return address
    return str(ipaddress.ip_network((known, IPV6_PREFIX), strict=False))


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
        standings = _standings()
        if standings:
            tightest = min(standings, key=lambda each: (not each.refused, each.remaining))
            response.headers["X-RateLimit-Limit"] = str(tightest.bucket.limit.amount)
            response.headers["X-RateLimit-Remaining"] = str(tightest.remaining)
            response.headers["X-RateLimit-Reset"] = str(tightest.reset)
        return response
