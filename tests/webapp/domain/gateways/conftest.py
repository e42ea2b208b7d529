"""A real S3 server and a folder, each as one `Storage` together with a client of its URLs."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.broker import free_port
from tests.waiting import wait_for
from webapp.domain.gateways.storage import FolderStorage, S3Storage, Storage, make_storage

SECRET_KEY = "a secret key of the application, long enough"


@dataclass
class Place:
    """A storage and whoever holds one of its signed URLs; `request` tells (status, body)."""

    storage: Storage

    def request(
        self, method: str, url: str, *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        if isinstance(self.storage, FolderStorage):
            return _serve_folder(self.storage, method, url, content, headers or {})
        answer = httpx.request(method, url, content=content, headers=headers, timeout=10)
        return answer.status_code, answer.content

    def stop(self) -> None:
        """Make the storage behind the URL unreachable."""
        raise NotImplementedError


def _serve_folder(
    storage: FolderStorage, method: str, url: str, content: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    key = parts.path.removeprefix("/storage/")
    content_type = headers.get("Content-Type", "")
    if not storage.verify_url(method, key, dict(parse_qsl(parts.query)), content_type):
        return 403, b""
    if method == "PUT":
        storage.put(key, content, content_type=content_type)
        return 200, b""
    return 200, storage.path(key).read_bytes()


class FolderPlace(Place):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            make_storage(
                storage_url=f"folder://{folder}",
                public_base_url="http://localhost:8000",
                secret_key=SECRET_KEY,
            )
        )

    def stop(self) -> None:
        shutil.rmtree(self.folder)


class S3Place(Place):
    def __init__(self, port: int, bucket: str) -> None:
        self.url = f"s3://AKIATEST:se%2Fcret@127.0.0.1:{port}/{bucket}?secure=0"
        super().__init__(make_storage(storage_url=self.url, public_base_url="", secret_key=""))

    def stop(self) -> None:
        self.storage = make_storage(
            storage_url=f"s3://AKIATEST:se%2Fcret@127.0.0.1:{free_port()}/images?secure=0",
            public_base_url="",
            secret_key="",
        )


@contextmanager
def s3_server(folder: Path, *key_pairs: str, port: int | None = None) -> Iterator[int]:
    """An S3 server over a folder that accepts these pairs of keys; gives its port."""
    port = port or free_port()
    command = [
        *(str(Path(sys.executable).parent / "rclone"), "serve", "s3"),
        *("--config", "/dev/null", "--addr", f"127.0.0.1:{port}"),
        *(argument for pair in key_pairs for argument in ("--auth-key", pair)),
        str(folder),
    ]
    with (folder.parent / "rclone.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(port), "the S3 server")
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with s3_server(tmp_path_factory.mktemp("s3"), "AKIATEST,se/cret") as port:
        yield port


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        made: Place = FolderPlace(tmp_path / "objects")
    else:
        bucket = tmp_path.name.replace("_", "-").lower()[-40:].strip("-")
        made = S3Place(request.getfixturevalue("s3_port"), bucket)
        assert isinstance(made.storage, S3Storage)
    made.storage.prepare()
    return made


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.storage


@pytest.fixture
def folder(tmp_path: Path) -> FolderPlace:
    made = FolderPlace(tmp_path / "objects")
    made.storage.prepare()
    return made
