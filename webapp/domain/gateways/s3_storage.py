"""Storage in any S3, through the minio client."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Object
from minio.error import InvalidResponseError, S3Error, ServerError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from webapp.domain.gateways import signed_urls
from webapp.domain.gateways.objects import (
    ObjectInfo,
    ObjectMissing,
    PresignedPut,
    StorageUnavailable,
    check_content_type,
    check_expiry,
    check_key,
    check_prefix,
    read_within,
)

REGION = "us-east-1"  # fixed: saves the request for the bucket's region; S3 servers accept it
CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 15.0
CHECK_TIMEOUT_SECONDS = 1.0  # of `check`, which probes and claims wait for
ATTEMPTS = 3

_MISSING_CODES = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})
_retry = retry(
    retry=retry_if_exception_type(StorageUnavailable),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential_jitter(multiplier=0.1, max=1, jitter=0.1),
    reraise=True,
)


PART_BYTES = 16 * 1024 * 1024  # of a multipart upload, which has at most 10,000 parts


class S3Storage:
    """Objects in one bucket of any S3, through the minio client.

    There are two endpoints: an internal one, and a public one for browsers, for which URLs are
    signed. Idempotent calls are tried three times within seconds; every call has timeouts.
    """

    def __init__(
        self, *, endpoint: str, public_endpoint: str, access_key: str, secret_key: str, bucket: str
    ) -> None:
        self._endpoint = endpoint
        self._client = _minio(endpoint, access_key, secret_key, READ_TIMEOUT_SECONDS)
        self._checking = _minio(endpoint, access_key, secret_key, CHECK_TIMEOUT_SECONDS)
        # only signs URLs
        self._public_client = _minio(public_endpoint, access_key, secret_key, READ_TIMEOUT_SECONDS)
        self._public_url = f"{public_endpoint.rstrip('/')}/{bucket}"
        self._access_key = access_key
        self._secret_key = secret_key
        self._bucket = bucket

    @_retry
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

    def put_stream(self, key: str, stream: IO[bytes], *, content_type: str) -> None:
        """See `Storage.put_stream`; the upload is aborted if the stream breaks off."""
        check_content_type(content_type)
        with _remote():
            self._client.put_object(
                self._bucket,
                check_key(key),
                cast("BinaryIO", stream),
                length=-1,
                content_type=content_type,
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )

    @_retry
    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """See `Storage.get`."""
        with _remote(missing=check_key(key)):
            response = self._client.get_object(self._bucket, key)
            try:
                content = read_within(response.read, max_bytes)
            finally:
                response.close()
                response.release_conn()
            return content

    @_retry
    def head(self, key: str) -> ObjectInfo | None:
        """See `Storage.head`."""
        try:
            with _remote(missing=check_key(key)):
                return _remote_info(self._client.stat_object(self._bucket, key))
        except ObjectMissing:
            return None

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """See `Storage.list`."""
        check_prefix(prefix)
        with _remote():
            for item in self._client.list_objects(
                self._bucket, prefix, recursive=True, start_after=after or None
            ):
                # Not every S3 server knows `start-after`.
                if not item.is_dir and item.object_name > after:
                    yield _remote_info(item)

    @_retry
    def copy(self, source: str, target: str) -> None:
        """See `Storage.copy`."""
        origin = CopySource(self._bucket, check_key(source))
        with _remote(missing=source):
            self._client.copy_object(self._bucket, check_key(target), origin)

    @_retry
    def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        with suppress(ObjectMissing), _remote(missing=check_key(key)):
            self._client.remove_object(self._bucket, key)

    def presigned_get(
        self,
        key: str,
        *,
        expires_in: timedelta,
        download_name: str | None = None,
        stable_for: timedelta = timedelta(0),
    ) -> str:
        """See `Storage.presigned_get`."""
        headers: dict[str, str | list[str] | tuple[str]] = {}
        if download_name:
            headers["response-content-disposition"] = signed_urls.attachment(download_name)
        url: str = self._public_client.presigned_get_object(
            self._bucket,
            check_key(key),
            check_expiry(expires_in),
            response_headers=headers,
            request_date=signed_urls.period_start(stable_for),
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

    def inside(self) -> "S3Storage":
        """See `Storage.inside`."""
        return S3Storage(
            endpoint=self._endpoint,
            public_endpoint=self._endpoint,
            access_key=self._access_key,
            secret_key=self._secret_key,
            bucket=self._bucket,
        )

    def prepare(self) -> None:
        """See `Storage.prepare`."""
        with _remote():
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

    def check(self) -> None:
        """See `Storage.check`."""
        with _remote():
            if not self._checking.bucket_exists(self._bucket):
                raise StorageUnavailable(f"there is no bucket {self._bucket}")


def _minio(endpoint: str, access_key: str, secret_key: str, read_seconds: float) -> Minio:
    url = urlsplit(endpoint)
    if url.scheme not in {"http", "https"} or not url.netloc or url.path.strip("/"):
        raise ValueError("an S3 endpoint must be http(s)://host:port")
    timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=read_seconds)
    # No retries of urllib3: they would multiply ours, and it also retries calls that we do not.
    pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=16)
    return Minio(
        url.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=url.scheme == "https",
        region=REGION,
        http_client=pool,
    )


def _remote_info(item: Object) -> ObjectInfo:
    return ObjectInfo(
        key=item.object_name,
        size=item.size or 0,
        etag=(item.etag or "").strip('"'),
        modified_at=item.last_modified or datetime.fromtimestamp(0, UTC),
    )


@contextmanager
def _remote(missing: str | None = None) -> Iterator[None]:
    try:
        yield
    except (S3Error, InvalidResponseError) as error:
        # rclone's response for a missing object is plain text, which the client cannot parse
        code = error.code if isinstance(error, S3Error) else str(error)
        if missing is not None and (code in _MISSING_CODES or "Response code: 404," in code):
            raise ObjectMissing(missing) from error
        raise StorageUnavailable(f"storage answered {code[:200]}") from error
    except (urllib3.exceptions.HTTPError, ServerError, OSError) as error:
        raise StorageUnavailable(f"storage: {type(error).__name__}") from error
