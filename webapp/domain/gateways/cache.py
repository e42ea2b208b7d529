"""Values in Redis that expire within a minute, also if the process that stored them dies."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import redis

KEPT_SECONDS = 50
"""Unless fewer seconds are asked for."""

TIMEOUT_SECONDS = 2.0
POLL_SECONDS = 0.1

Answered = TypeVar("Answered")


class CacheUnavailable(RuntimeError):
    """Redis does not answer."""


class CacheBusy(RuntimeError):
    """Another process still works on the same."""


class Cache:
    """Values by name, each expires. Every method raises CacheUnavailable."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )

    def put(self, name: str, value: bytes, *, seconds: int = KEPT_SECONDS) -> None:
        """Keep a value."""
        self._run(lambda: self._redis.set(name, value, ex=seconds))

    def get(self, name: str) -> bytes | None:
        """Return a value that is still kept."""
        value = self._run(lambda: self._redis.get(name))
        return value if isinstance(value, bytes) else None

    def delete(self, name: str) -> None:
        """Delete a value now."""
        self._run(lambda: self._redis.delete(name))

    @contextmanager
    def one_at_a_time(self, name: str, wait_seconds: float) -> Iterator[None]:
        """Hold a name that only one process can hold. Raises CacheBusy after `wait_seconds`."""
        deadline = time.monotonic() + wait_seconds
        while not self._run(lambda: self._redis.set(name, b"", nx=True, ex=KEPT_SECONDS)):
            if time.monotonic() >= deadline:
                raise CacheBusy(name)
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self.delete(name)

    @staticmethod
    def _run(command: Callable[[], Answered]) -> Answered:
        try:
            return command()
        except redis.RedisError as error:
            raise CacheUnavailable("Redis does not answer") from error
