"""Storage of image and adapter files: a private folder or any S3 server, chosen by one URL."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from webapp.domain.gateways.folder_storage import FolderStorage
from webapp.domain.gateways.objects import (
    InvalidKey,
    ObjectInfo,
    ObjectMissing,
    ObjectTooLarge,
    PresignedPut,
    Storage,
    StorageError,
    StorageUnavailable,
)
from webapp.domain.gateways.s3_storage import S3Storage
from webapp.domain.settings import Settings

__all__ = [
    "FolderStorage",
    "InvalidKey",
    "ObjectInfo",
    "ObjectMissing",
    "ObjectTooLarge",
    "PresignedPut",
    "S3Storage",
    "Storage",
    "StorageError",
    "StorageUnavailable",
    "configured_storage",
    "make_storage",
]


def configured_storage(settings: Settings) -> Storage:
    """Return the storage of the settings."""
    return make_storage(
        storage_url=settings.storage_url,
        public_base_url=settings.public_base_url,
        secret_key=settings.secret_key,
        secret_key_fallbacks=settings.secret_key_fallbacks,
    )


def make_storage(
    *,
    storage_url: str,
    public_base_url: str,
    secret_key: str,
    secret_key_fallbacks: Sequence[str] = (),
) -> Storage:
    """Return the storage of a URL, without connecting or creating anything.

    `folder:///absolute/path`, or
    `s3://access:secret@host:port/bucket?secure=0&public_endpoint=https://files.example.org`
    where the public endpoint is the one for browsers, for which URLs are signed.
    `public_base_url` and the keys are for the URLs of a folder: `secret_key` signs them, and those
    of the fallbacks are accepted. Raises ValueError for any other URL.
    """
    url = urlsplit(storage_url)
    if url.scheme == "folder":
        if url.netloc or not url.path.startswith("/"):
            raise ValueError("STORAGE_URL must be folder:///absolute/path")
        return FolderStorage(
            Path(unquote(url.path)),
            public_base_url=public_base_url,
            secret_key=secret_key,
            secret_key_fallbacks=secret_key_fallbacks,
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
