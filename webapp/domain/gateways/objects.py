"""The storage protocol: its methods, its exceptions and the format of keys.

Storage is always private; browsers and GPU workers read and write single objects with short-lived
signed URLs. Only methods of every S3 server are used (put, get, head, list, copy, delete, presigned
GET and PUT). Data about objects is in PostgreSQL, never in their metadata or tags. A signed PUT
cannot limit the size, so code that confirms an upload must check it with `head`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, BinaryIO, Protocol

MAX_KEY_LENGTH = 255
MAX_EXPIRES_IN = timedelta(days=7)  # the maximum of S3

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # no leading dot: excludes ".." and temporary files
KEY_PATTERN = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_PREFIX = re.compile(rf"(|{_SEGMENT}(/{_SEGMENT})*/?)", re.ASCII)
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*", re.ASCII)


class StorageError(Exception):
    """Base of the errors of storage."""


class ObjectMissing(StorageError):
    """There is no object with this key."""


class ObjectTooLarge(StorageError):
    """A stream or an object exceeds its limit in bytes; nothing was stored or returned."""


class StorageUnavailable(StorageError):
    """Storage cannot be reached or used now; a retry may succeed."""


class InvalidKey(ValueError):
    """The key does not have the format of our keys: a bug, or an attempt of path traversal."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Data of an object: size in bytes, an opaque etag, time of the last change in UTC."""

    key: str
    size: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class PresignedPut:
    """A presigned upload until it expires; the client must send exactly these headers."""

    url: str
    method: str
    headers: dict[str, str]


class Storage(Protocol):
    """A flat, private namespace of objects by key.

    Keys have the form `kind/ulid.ext`; others raise `InvalidKey`. Every method raises
    `StorageUnavailable` within seconds if storage is down.
    """

    def put(self, key: str, data: bytes | BinaryIO, *, content_type: str) -> None:
        """Store the bytes atomically and replace an object with the same key."""

    def put_stream(self, key: str, stream: IO[bytes], *, content_type: str) -> None:
        """Store a stream of unknown length atomically; it is read once.

        At most one part of 16 MiB is in memory. There are no retries.
        """

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """Return all bytes of an object, or raise `ObjectMissing`.

        Raises `ObjectTooLarge` as soon as the limit is exceeded: the owner of a signed PUT can
        replace an upload by a larger one after the `head`.
        """

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and age without reading the object; None if there is no object."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """Iterate over the objects whose key starts with the prefix, in the order of their keys.

        With `after`, only over those behind that key, whether it exists or not.
        """

    def copy(self, source: str, target: str) -> None:
        """Copy within storage, or raise `ObjectMissing`."""

    def delete(self, key: str) -> None:
        """Delete an object; do nothing if there is none."""

    def presigned_get(
        self,
        key: str,
        *,
        expires_in: timedelta,
        download_name: str | None = None,
        stable_for: timedelta = timedelta(0),
    ) -> str:
        """Return a URL that reads this object until it expires (saved as `download_name`).

        With `stable_for` the URL is the same within each period of this length, so that browsers
        can cache the object. `expires_in` then counts from the start of the period.
        """

    def presigned_put(self, key: str, *, content_type: str, expires_in: timedelta) -> PresignedPut:
        """Return a presigned upload for this key and content type."""

    def inside(self) -> "Storage":
        """Return the same storage with URLs for our own processes, on the internal endpoint."""

    def prepare(self) -> None:
        """Create the folder or bucket if it does not exist; idempotent."""

    def check(self) -> None:
        """Raise `StorageUnavailable` unless storage can be used now."""


def check_key(key: str) -> str:
    """Return the key, or raise `InvalidKey`: ASCII segments, no leading dots or slashes."""
    if len(key) > MAX_KEY_LENGTH or not KEY_PATTERN.fullmatch(key):
        raise InvalidKey(f"not a storage key: {key[:80]!a}")
    return key


def check_content_type(content_type: str) -> str:
    """Return a lower-case `type/subtype`, or raise ValueError; it becomes part of signed URLs."""
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise ValueError(f"not a plain content type: {content_type[:80]!a}")
    return content_type


def check_expiry(expires_in: timedelta) -> timedelta:
    """Return the lifetime of a signed URL, or raise ValueError outside 1 second to 7 days."""
    if not timedelta(seconds=1) <= expires_in <= MAX_EXPIRES_IN:
        raise ValueError("the lifetime of a signed URL must be between 1 second and 7 days")
    return expires_in


def check_prefix(prefix: str) -> None:
    """Raise `InvalidKey` unless the prefix can be the beginning of a key."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidKey(f"not the beginning of a storage key: {prefix[:80]!a}")


def read_within(read: Callable[..., bytes], max_bytes: int | None) -> bytes:
    """Return everything that `read(size)` returns, or raise `ObjectTooLarge` past the limit."""
    if max_bytes is None:
        return read()
    chunks, remaining = [], max_bytes + 1
    while remaining and (chunk := read(remaining)):
        chunks.append(chunk)
        remaining -= len(chunk)
    if not remaining:
        raise ObjectTooLarge(f"more than {max_bytes} bytes")
    return b"".join(chunks)
