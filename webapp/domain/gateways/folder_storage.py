"""Storage in a private folder: the local implementation, used instead of S3 by default.

Its URLs are served by the web process, which calls `FolderStorage.verify_url` before `path` or
`write_stream`.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import urlencode

from webapp.domain.gateways import signed_urls
from webapp.domain.gateways.objects import (
    KEY_PATTERN,
    InvalidKey,
    ObjectInfo,
    ObjectMissing,
    ObjectTooLarge,
    PresignedPut,
    StorageUnavailable,
    check_content_type,
    check_expiry,
    check_key,
    check_prefix,
    read_within,
)

COPY_CHUNK_BYTES = 1 << 20


class FolderStorage:
    """Objects as plain files in a private folder; URLs signed with a key of the application.

    Files are written atomically (temporary file, fsync, rename). Symbolic links are never followed,
    so nothing outside the folder is ever read or written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        public_base_url: str,
        secret_key: str,
        secret_key_fallbacks: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._base_url = public_base_url.rstrip("/")
        self._secret_key = secret_key
        self._accepted_keys = (secret_key, *secret_key_fallbacks)

    def put(self, key: str, data: bytes | BinaryIO, *, content_type: str) -> None:
        """See `Storage.put`."""
        check_content_type(content_type)
        self.write_stream(key, BytesIO(data) if isinstance(data, bytes) else data, None)

    def put_stream(self, key: str, stream: IO[bytes], *, content_type: str) -> None:
        """See `Storage.put_stream`."""
        check_content_type(content_type)
        self.write_stream(key, stream, None)

    def write_stream(self, key: str, stream: IO[bytes], max_bytes: int | None) -> int:
        """Store a stream and return its size in bytes, or raise `ObjectTooLarge` past the limit."""
        target = self._locate(key)
        with _disk():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_escape(target)
            temporary = target.parent / f".{secrets.token_hex(8)}.part"
            try:
                with temporary.open("xb") as file:
                    size = _copy_stream(stream, file, max_bytes)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
        return size

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """See `Storage.get`."""
        path = self.path(key)
        with _disk(missing=key), _open_no_follow(path) as file:
            return read_within(file.read, max_bytes)

    def path(self, key: str) -> Path:
        """Return the path of an object's file, for a web server, or raise `ObjectMissing`."""
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

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """See `Storage.list`."""
        check_prefix(prefix)
        self.check()
        folder, slash, _ = prefix.rpartition("/")
        with _disk():
            for key in self._keys(folder + slash, after):
                if key > after and key.startswith(prefix) and KEY_PATTERN.fullmatch(key):
                    info = self.head(key)
                    if info:
                        yield info

    def _keys(self, folder: str, after: str) -> Iterator[str]:
        """Yield the keys in a folder in their order; folders that end before `after` are skipped.

        `folder` is empty or ends with a slash. Symbolic links are no folders.
        """
        try:
            with os.scandir(self._folder / folder) as found:
                names = sorted(
                    f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                    for entry in found
                )
        except (FileNotFoundError, NotADirectoryError):
            return  # as empty as an unknown prefix in S3; or deleted while we look
        for name in names:
            key = folder + name
            if not name.endswith("/"):
                yield key
            elif key > after or after.startswith(key):
                yield from self._keys(key, after)

    def copy(self, source: str, target: str) -> None:
        """See `Storage.copy`."""
        path = self.path(source)
        with _disk(missing=source), _open_no_follow(path) as file:
            self.write_stream(target, file, None)

    def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        if self.head(key) is not None:
            with _disk():
                self._locate(key).unlink(missing_ok=True)

    def presigned_get(
        self,
        key: str,
        *,
        expires_in: timedelta,
        download_name: str | None = None,
        stable_for: timedelta = timedelta(0),
    ) -> str:
        """See `Storage.presigned_get`."""
        start = signed_urls.period_start(stable_for)
        return self._signed_url(
            "GET", key, expires_in, start=start, download_name=download_name or ""
        )

    def presigned_put(self, key: str, *, content_type: str, expires_in: timedelta) -> PresignedPut:
        """See `Storage.presigned_put`."""
        check_content_type(content_type)
        url = self._signed_url("PUT", key, expires_in, content_type=content_type)
        return PresignedPut(url=url, method="PUT", headers={"Content-Type": content_type})

    def verify_url(
        self, method: str, key: str, query_args: Mapping[str, str], content_type: str = ""
    ) -> bool:
        """Tell whether a web request for `/storage/<key>` has a valid signature; see `verify`."""
        return any(
            signed_urls.verify(
                secret_key,
                method=method,
                key=key,
                query_args=query_args,
                content_type=content_type,
            )
            for secret_key in self._accepted_keys
        )

    def inside(self) -> "FolderStorage":
        """See `Storage.inside`; the URLs are the same, because the site serves them."""
        return self

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
        start: datetime | None = None,
        content_type: str = "",
        download_name: str = "",
    ) -> str:
        expires = int(((start or datetime.now(UTC)) + check_expiry(expires_in)).timestamp())
        signature = signed_urls.sign(
            self._secret_key,
            method=method,
            key=check_key(key),
            expires=expires,
            content_type=content_type,
            download_name=download_name,
        )
        download = "&" + urlencode({"download": download_name}) if download_name else ""
        return f"{self._base_url}/storage/{key}?expires={expires}&signature={signature}{download}"

    def _locate(self, key: str) -> Path:
        if not self._folder.is_dir():
            raise StorageUnavailable("the storage folder is missing")
        return self._folder / check_key(key)

    def _refuse_escape(self, path: Path) -> None:
        if path.parent.resolve() != self._folder.resolve() / path.parent.relative_to(self._folder):
            raise InvalidKey("the path contains a symbolic link")


def _copy_stream(stream: IO[bytes], file: IO[bytes], max_bytes: int | None) -> int:
    if max_bytes is None:
        shutil.copyfileobj(stream, file, COPY_CHUNK_BYTES)
        return file.tell()
    while chunk := stream.read(min(COPY_CHUNK_BYTES, max_bytes + 1 - file.tell())):
        file.write(chunk)
        if file.tell() > max_bytes:
            raise ObjectTooLarge(f"more than {max_bytes} bytes")
    return file.tell()


def _open_no_follow(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)  # a rename is durable after fsync of its folder
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
