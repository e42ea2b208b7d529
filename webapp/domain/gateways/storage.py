"""Where image and adapter bytes live: a private folder or any S3, behind one Protocol.

Both kinds are private always; browsers and GPU workers reach single objects through short-lived
signed URLs. Only what every S3 has is used (put, get, head, list, copy, delete, presigned GET and
PUT): what we need to know about an object stands in PostgreSQL, never in its metadata or tags.
A signed PUT cannot limit size, so whoever confirms an upload must `head` it and look.

The folder is the shipped twin of S3 and the embedded default. Its URLs are served by the web
process, which asks `FolderStorage.verify_url` before it touches `path` or `write_stream`.
"""

import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Protocol
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Object
from minio.error import InvalidResponseError, S3Error, ServerError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from webapp.domain.gateways import signed_urls

REGION = "us-east-1"  # fixed: saves a look-up request, and every S3 we know accepts it
CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 15.0
ATTEMPTS = 3
COPY_CHUNK_BYTES = 1 << 20
MAX_KEY_LENGTH = 255
MAX_EXPIRES_IN = timedelta(days=7)  # the longest S3 allows

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # no leading dot: neither "..", nor our temporary files
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_PREFIX = re.compile(rf"(|{_SEGMENT}(/{_SEGMENT})*/?)", re.ASCII)
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*", re.ASCII)
_MISSING_CODES = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})


class StorageError(Exception):
    """Anything storage answers that is not the object."""


class ObjectMissing(StorageError):
    """There is no object of that key."""


class ObjectTooLarge(StorageError):
    """The stream went past its byte limit; nothing was stored."""


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

    def get(self, key: str) -> bytes:
        """Return all bytes of an object, or raise `ObjectMissing`."""

    def head(self, key: str) -> ObjectInfo | None:
        """Tell size and age without reading the object; None if there is none."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Walk over all objects whose key starts with the prefix, in no promised order."""

    def copy(self, source: str, target: str) -> None:
        """Copy within storage, or raise `ObjectMissing`."""

    def delete(self, key: str) -> None:
        """Remove an object; do nothing if there is none."""

    def presigned_get(
        self, key: str, *, expires_in: timedelta, download_name: str | None = None
    ) -> str:
        """Return a URL that reads this object until it expires (saved as `download_name`)."""

    def presigned_put(self, key: str, *, content_type: str, expires_in: timedelta) -> PresignedPut:
        """Return an upload that writes this key with this content type until it expires."""

    def prepare(self) -> None:
        """Make the folder or bucket if there is none; safe to repeat."""

    def check(self) -> None:
        """Raise `StorageUnavailable` unless storage answers now."""


def make_storage(*, storage_url: str, public_base_url: str, secret_key: str) -> Storage:
    """Return the storage that a URL names; nothing is connected or created yet.

    `folder:///absolute/path`, or
    `s3://access:secret@host:port/bucket?secure=0&public_endpoint=https://files.example.org`
    where the public endpoint is the one that browsers use and that URLs are signed for.
    `public_base_url` and `secret_key` serve the folder's URLs. Raises ValueError on other URLs.
    """
    url = urlsplit(storage_url)
    if url.scheme == "folder":
        if url.netloc or not url.path.startswith("/"):
            raise ValueError("STORAGE_URL must be folder:///absolute/path")
        return FolderStorage(
            Path(unquote(url.path)), public_base_url=public_base_url, secret_key=secret_key
        )
    if url.scheme == "s3":
        bucket = url.path.strip("/")
        if not (url.hostname and url.username and url.password and bucket):
            raise ValueError("STORAGE_URL must be s3://access:secret@host:port/bucket")
        options = dict(parse_qsl(url.query))
        secure = options.get("secure", "1").lower() not in {"0", "false", "no"}
        endpoint = f"{'https' if secure else 'http'}://{url.netloc.rpartition('@')[2]}"
        return S3Storage(
            endpoint=endpoint,
            public_endpoint=options.get("public_endpoint", endpoint),
            access_key=unquote(url.username),
            secret_key=unquote(url.password),
            bucket=bucket,
        )
    raise ValueError("STORAGE_URL must begin with folder:// or s3://")


def check_key(key: str) -> str:
    """Return the key, or raise `InvalidKey`: ASCII segments, no leading dots or slashes."""
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
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


def _check_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise InvalidKey(f"not the beginning of a storage key: {prefix[:80]!a}")


_repeat = retry(
    retry=retry_if_exception_type(StorageUnavailable),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential_jitter(multiplier=0.1, max=1, jitter=0.1),
    reraise=True,
)


class FolderStorage:
    """Objects as plain files in a private folder; URLs signed with a key of the application.

    Files appear whole (temporary file, fsync, rename). Symbolic links are never followed, so
    nothing outside the folder is ever read or written.
    """

    def __init__(self, folder: Path, *, public_base_url: str, secret_key: str) -> None:
        self._folder = folder
        self._base_url = public_base_url.rstrip("/")
        self._secret_key = secret_key

    def put(self, key: str, data: bytes | BinaryIO, *, content_type: str) -> None:
        """See `Storage.put`."""
        check_content_type(content_type)
        self.write_stream(key, BytesIO(data) if isinstance(data, bytes) else data, None)

    def write_stream(self, key: str, stream: IO[bytes], max_bytes: int | None) -> int:
        """Store a stream and return its size in bytes, or raise `ObjectTooLarge` past the limit."""
        target = self._locate(key)
        with _disk():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_escape(target)
            temporary = target.parent / f".{secrets.token_hex(8)}.part"
            try:
                with temporary.open("xb") as file:
                    size = _pour(stream, file, max_bytes)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
        return size

    def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        path = self.path(key)
        with _disk(missing=key), _open_plain(path) as file:
            return file.read()

    def path(self, key: str) -> Path:
        """Return where an object lies, for a web server to send, or raise `ObjectMissing`."""
        path = self._locate(key)
        if self.head(key) is None:
            raise ObjectMissing(key)
        return path

    def head(self, key: str) -> ObjectInfo | None:
        """See `Storage.head`."""
        path = self._locate(key)
        try:
            with _disk(missing=key):
                self._refuse_escape(path)
                return _info(key, path.lstat())
        except ObjectMissing:
            return None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Storage.list`."""
        _check_prefix(prefix)
        self.check()
        start = self._folder / prefix.rpartition("/")[0]
        with _disk():
            for parent, _, names in os.walk(start, followlinks=False):
                for name in names:
                    path = Path(parent) / name
                    key = path.relative_to(self._folder).as_posix()
                    if key.startswith(prefix) and _KEY.fullmatch(key):
                        found = self.head(key)
                        if found:
                            yield found

    def copy(self, source: str, target: str) -> None:
        """See `Storage.copy`."""
        path = self.path(source)
        with _disk(missing=source), _open_plain(path) as file:
            self.write_stream(target, file, None)

    def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        if self.head(key) is not None:
            with _disk():
                self._locate(key).unlink(missing_ok=True)

    def presigned_get(
        self, key: str, *, expires_in: timedelta, download_name: str | None = None
    ) -> str:
        """See `Storage.presigned_get`."""
        return self._signed_url("GET", key, expires_in, download_name=download_name or "")

    def presigned_put(self, key: str, *, content_type: str, expires_in: timedelta) -> PresignedPut:
        """See `Storage.presigned_put`."""
        check_content_type(content_type)
        url = self._signed_url("PUT", key, expires_in, content_type=content_type)
        return PresignedPut(url=url, method="PUT", headers={"Content-Type": content_type})

    def verify_url(
        self, method: str, key: str, query_args: Mapping[str, str], content_type: str = ""
    ) -> bool:
        """Tell whether a web request for `/storage/<key>` is one that we signed; see `verify`."""
        return signed_urls.verify(
            self._secret_key,
            method=method,
            key=key,
            query_args=query_args,
            content_type=content_type,
        )

    def prepare(self) -> None:
        """See `Storage.prepare`."""
        with _disk():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def check(self) -> None:
        """See `Storage.check`."""
        if not (self._folder.is_dir() and os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)):
            raise StorageUnavailable("the storage folder is missing or may not be written")

    def _signed_url(
        self,
        method: str,
        key: str,
        expires_in: timedelta,
        *,
        content_type: str = "",
        download_name: str = "",
    ) -> str:
        expires = int(time.time() + check_expiry(expires_in).total_seconds())
        signature = signed_urls.sign(
            self._secret_key,
            method=method,
            key=check_key(key),
            expires=expires,
            content_type=content_type,
            download_name=download_name,
        )
        query = {"expires": expires, "signature": signature}
        named = {"download": download_name} if download_name else {}
        return f"{self._base_url}/storage/{key}?{urlencode(query | named)}"

    def _locate(self, key: str) -> Path:
        if not self._folder.is_dir():
            raise StorageUnavailable("the storage folder is missing")
        return self._folder / check_key(key)

    def _refuse_escape(self, path: Path) -> None:
        if path.parent.resolve() != self._folder.resolve() / path.parent.relative_to(self._folder):
            raise InvalidKey("a symbolic link stands in the way")


def _pour(stream: IO[bytes], file: IO[bytes], max_bytes: int | None) -> int:
    if max_bytes is None:
        shutil.copyfileobj(stream, file, COPY_CHUNK_BYTES)
        return file.tell()
    while chunk := stream.read(min(COPY_CHUNK_BYTES, max_bytes + 1 - file.tell())):
        file.write(chunk)
        if file.tell() > max_bytes:
            raise ObjectTooLarge(f"more than {max_bytes} bytes")
    return file.tell()


def _open_plain(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)  # a rename lasts only once its folder is on disk
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _info(key: str, status: os.stat_result) -> ObjectInfo | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return ObjectInfo(
        key=key,
        size=status.st_size,
        etag=f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}",
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
    )


@contextmanager
def _disk(missing: str | None = None) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if missing is not None:
            raise ObjectMissing(missing) from error
        raise StorageUnavailable(f"disk: {error.strerror}") from error
    except OSError as error:
        raise StorageUnavailable(f"disk: {error.strerror}") from error


class S3Storage:
    """Objects in one bucket of any S3, through the minio client.

    Two endpoints: ours, and the one browsers use, for which URLs are signed. Calls that may be
    repeated without harm are tried three times within seconds; none waits longer than its
    timeouts.
    """

    def __init__(
        self, *, endpoint: str, public_endpoint: str, access_key: str, secret_key: str, bucket: str
    ) -> None:
        self._client = _minio(endpoint, access_key, secret_key)
        self._public_client = _minio(public_endpoint, access_key, secret_key)  # only ever signs
        self._public_url = f"{public_endpoint.rstrip('/')}/{bucket}"
        self._access_key = access_key
        self._secret_key = secret_key
        self._bucket = bucket

    @_repeat
    def put(self, key: str, data: bytes | BinaryIO, *, content_type: str) -> None:
        """See `Storage.put`; a stream must be seekable, so that it can be sent again."""
        stream = BytesIO(data) if isinstance(data, bytes) else data
        length = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        check_content_type(content_type)
        with _remote():
            self._client.put_object(
                self._bucket, check_key(key), stream, length, content_type=content_type
            )

    @_repeat
    def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        with _remote(missing=check_key(key)):
            answer = self._client.get_object(self._bucket, key)
            try:
                content: bytes = answer.read()
            finally:
                answer.close()
                answer.release_conn()
            return content

    @_repeat
    def head(self, key: str) -> ObjectInfo | None:
        """See `Storage.head`."""
        try:
            with _remote(missing=check_key(key)):
                return _remote_info(self._client.stat_object(self._bucket, key))
        except ObjectMissing:
            return None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Storage.list`."""
        _check_prefix(prefix)
        with _remote():
            for found in self._client.list_objects(self._bucket, prefix, recursive=True):
                if not found.is_dir:
                    yield _remote_info(found)

    @_repeat
    def copy(self, source: str, target: str) -> None:
        """See `Storage.copy`."""
        origin = CopySource(self._bucket, check_key(source))
        with _remote(missing=source):
            self._client.copy_object(self._bucket, check_key(target), origin)

    @_repeat
    def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        with suppress(ObjectMissing), _remote(missing=check_key(key)):
            self._client.remove_object(self._bucket, key)

    def presigned_get(
        self, key: str, *, expires_in: timedelta, download_name: str | None = None
    ) -> str:
        """See `Storage.presigned_get`."""
        headers: dict[str, str | list[str] | tuple[str]] = {}
        if download_name:
            headers["response-content-disposition"] = signed_urls.attachment(download_name)
        url: str = self._public_client.presigned_get_object(
            self._bucket, check_key(key), check_expiry(expires_in), response_headers=headers
        )
        return url

    def presigned_put(self, key: str, *, content_type: str, expires_in: timedelta) -> PresignedPut:
        """See `Storage.presigned_put`."""
        headers = {"Content-Type": check_content_type(content_type)}
        url = signed_urls.s3_url(
            f"{self._public_url}/{check_key(key)}",
            method="PUT",
            headers=headers,
            expires_in=check_expiry(expires_in),
            access_key=self._access_key,
            secret_key=self._secret_key,
            region=REGION,
        )
        return PresignedPut(url=url, method="PUT", headers=headers)

    def prepare(self) -> None:
        """See `Storage.prepare`."""
        with _remote():
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

    def check(self) -> None:
        """See `Storage.check`."""
        with _remote():
            if not self._client.bucket_exists(self._bucket):
                raise StorageUnavailable(f"there is no bucket {self._bucket}")


def _minio(endpoint: str, access_key: str, secret_key: str) -> Minio:
    url = urlsplit(endpoint)
    if url.scheme not in {"http", "https"} or not url.netloc or url.path.strip("/"):
        raise ValueError("an S3 endpoint must be http(s)://host:port")
    timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS)
    # Retries are ours: the client's own would multiply them, and it repeats without asking.
    pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=16)
    return Minio(
        url.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=url.scheme == "https",
        region=REGION,
        http_client=pool,
    )


def _remote_info(found: Object) -> ObjectInfo:
    return ObjectInfo(
        key=found.object_name,
        size=found.size or 0,
        etag=(found.etag or "").strip('"'),
        modified_at=found.last_modified or datetime.fromtimestamp(0, UTC),
    )


@contextmanager
def _remote(missing: str | None = None) -> Iterator[None]:
    try:
        yield
    except (S3Error, InvalidResponseError) as error:
        # rclone answers a missing object in plain text, which the client cannot read as S3
        code = error.code if isinstance(error, S3Error) else str(error)
        if missing is not None and (code in _MISSING_CODES or "Response code: 404," in code):
            raise ObjectMissing(missing) from error
        raise StorageUnavailable(f"storage answered {code[:200]}") from error
    except (urllib3.exceptions.HTTPError, ServerError, OSError) as error:
        raise StorageUnavailable(f"storage: {type(error).__name__}") from error
