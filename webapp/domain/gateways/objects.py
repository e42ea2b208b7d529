"""The contract of storage: what every kind offers, what it raises, and which keys exist.

Storage is private always; browsers and GPU workers reach single objects through short-lived
signed URLs. Only what every S3 has is used (put, get, head, list, copy, delete, presigned GET and
PUT): what we need to know about an object stands in PostgreSQL, never in its metadata or tags.
A signed PUT cannot limit size, so whoever confirms an upload must `head` it and look.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, BinaryIO, Protocol

MAX_KEY_LENGTH = 255
MAX_EXPIRES_IN = timedelta(days=7)  # the longest S3 allows

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # no leading dot: neither "..", nor our temporary files
KEY_PATTERN = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_PREFIX = re.compile(rf"(|{_SEGMENT}(/{_SEGMENT})*/?)", re.ASCII)
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*", re.ASCII)


class StorageError(Exception):
    """Anything storage answers that is not the object."""


class ObjectMissing(StorageError):
    """There is no object of that key."""


class ObjectTooLarge(StorageError):
    """A stream or an object went past its byte limit; nothing was stored or returned."""


class StorageUnavailable(StorageError):
    """Storage cannot be reached or used now; the same call may succeed later."""


class InvalidKey(ValueError):
    """The key is not one we would ever make; a bug, or somebody trying to escape."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What storage knows of an object: size in bytes, an opaque etag, time of change in UTC."""

    key: str
    size: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class PresignedPut:
    """An upload somebody else may do once before it expires: send `headers` exactly as given."""

    url: str
    method: str
    headers: dict[str, str]


class Storage(Protocol):
    """A flat, private space of objects by key.

    Keys are ours (`kind/ulid.ext`); others raise `InvalidKey`. Every method raises
    `StorageUnavailable` within seconds when storage is down.
    """

    def put(self, key: str, data: bytes | BinaryIO, *, content_type: str) -> None:
        """Store the bytes, replacing what was there; all of them are visible or none."""

    def put_stream(self, key: str, stream: IO[bytes], *, content_type: str) -> None:
        """Store a stream of unknown length, read once from front to back; whole or not at all.

        Of the stream at most one part of 16 MiB is in memory. Nothing is tried again here.
        """

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """Return all bytes of an object, or raise `ObjectMissing`.

        Raises `ObjectTooLarge` past the limit, before more is read: whoever holds a signed PUT may
        replace an upload by a larger one after any `head`.
        """

    def head(self, key: str) -> ObjectInfo | None:
        """Tell size and age without reading the object; None if there is none."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Walk over all objects whose key starts with the prefix, in no promised order."""

    def copy(self, source: str, target: str) -> None:
        """Copy within storage, or raise `ObjectMissing`."""

    def delete(self, key: str) -> None:
        """Remove an object; do nothing if there is none."""

    def presigned_get(
        self,
        key: str,
        *,
        expires_in: timedelta,
        download_name: str | None = None,
        stable_for: timedelta = timedelta(0),
    ) -> str:
        """Return a URL that reads this object until it expires (saved as `download_name`).

        It counts from the last multiple of `stable_for`, and is the same until the next one: so
        that browsers keep what they loaded. It lives that much shorter at worst.
        """

    def presigned_put(self, key: str, *, content_type: str, expires_in: timedelta) -> PresignedPut:
        """Return an upload that writes this key with this content type until it expires."""

    def inside(self) -> "Storage":
        """Return the same storage, whose URLs lead to where our own processes reach it."""

    def prepare(self) -> None:
        """Make the folder or bucket if there is none; safe to repeat."""

    def check(self) -> None:
        """Raise `StorageUnavailable` unless storage answers now."""


def check_key(key: str) -> str:
    """Return the key, or raise `InvalidKey`: ASCII segments, no leading dots or slashes."""
    if len(key) > MAX_KEY_LENGTH or not KEY_PATTERN.fullmatch(key):
        raise InvalidKey(f"not a storage key: {key[:80]!a}")
    return key


def check_content_type(content_type: str) -> str:
    """Return a plain lower-case `type/subtype`, or raise ValueError; it becomes part of URLs."""
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise ValueError(f"not a plain content type: {content_type[:80]!a}")
    return content_type


def check_expiry(expires_in: timedelta) -> timedelta:
    """Return a life span of a signed URL, or raise ValueError outside 1 second to 7 days."""
    if not timedelta(seconds=1) <= expires_in <= MAX_EXPIRES_IN:
        raise ValueError("a signed URL lives between 1 second and 7 days")
    return expires_in


def check_prefix(prefix: str) -> None:
    """Raise `InvalidKey` unless keys could begin so."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidKey(f"not the beginning of a storage key: {prefix[:80]!a}")


def read_within(read: Callable[..., bytes], max_bytes: int | None) -> bytes:
    """Return all that `read(size)` gives, or raise `ObjectTooLarge` once that is too much."""
    if max_bytes is None:
        return read()
    pieces, left = [], max_bytes + 1
    while left and (piece := read(left)):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise ObjectTooLarge(f"more than {max_bytes} bytes")
    return b"".join(pieces)
