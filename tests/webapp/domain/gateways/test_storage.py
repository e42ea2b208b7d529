"""One set of tests for both kinds of storage, then what is special to each."""

import io
import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from webapp.domain.gateways import s3_storage
from webapp.domain.gateways.objects import read_within
from webapp.domain.gateways.storage import (
    FolderStorage,
    InvalidKey,
    ObjectMissing,
    ObjectTooLarge,
    S3Storage,
    Storage,
    StorageUnavailable,
    make_storage,
)

KEY = "generations/01JABCDEFGHJKMNPQRSTVWXYZ0.png"
PNG = "image/png"
MINUTE = timedelta(minutes=1)


def changed(url: str, **query: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | query)).geturl()


def test_bytes_come_back_as_they_went_in(storage: Storage) -> None:
    content = os.urandom(300_000)
    storage.put(KEY, content, content_type=PNG)
    assert storage.get(KEY) == content


def test_a_stream_is_stored_whole(storage: Storage) -> None:
    content = os.urandom(6 * 1024 * 1024)  # past the smallest multipart size
    storage.put(KEY, io.BytesIO(content), content_type=PNG)
    assert storage.get(KEY) == content


class Endless(io.RawIOBase):
    """A stream that gives so many bytes and then breaks off, or ends."""

    def __init__(self, size, error=None):
        self.left, self.error = size, error

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.left and self.error:
            raise self.error
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        return count


@pytest.mark.parametrize("size", [0, 5, s3_storage.PART_BYTES + 5])
def test_a_stream_of_unknown_length_is_stored_whole(storage: Storage, size) -> None:
    storage.put_stream(KEY, Endless(size), content_type="application/zip")
    assert storage.get(KEY) == bytes(size)


def test_a_stream_of_unknown_length_that_breaks_off_is_not_there(storage: Storage) -> None:
    stream = Endless(s3_storage.PART_BYTES + 5, LookupError("the next photo"))
    with pytest.raises(LookupError):
        storage.put_stream(KEY, stream, content_type="application/zip")
    assert storage.head(KEY) is None


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    storage.put(KEY, b"", content_type=PNG)
    found = storage.head(KEY)
    assert found is not None
    assert found.size == 0
    assert storage.get(KEY) == b""


def test_putting_again_replaces_the_object(storage: Storage) -> None:
    storage.put(KEY, b"a longer first version", content_type=PNG)
    storage.put(KEY, b"second", content_type=PNG)
    assert storage.get(KEY) == b"second"


def test_head_tells_size_age_and_a_changing_etag(storage: Storage) -> None:
    storage.put(KEY, b"12345", content_type=PNG)
    first = storage.head(KEY)
    storage.put(KEY, b"67890!", content_type=PNG)
    second = storage.head(KEY)
    assert first is not None
    assert second is not None
    assert (first.key, first.size, second.size) == (KEY, 5, 6)
    assert abs(datetime.now(UTC) - first.modified_at) < timedelta(minutes=5)
    assert first.etag != second.etag


def test_a_missing_object_is_said_to_be_missing(storage: Storage) -> None:
    assert storage.head(KEY) is None
    with pytest.raises(ObjectMissing):
        storage.get(KEY)
    with pytest.raises(ObjectMissing):
        storage.copy(KEY, "generations/other.png")


def test_no_more_is_read_than_allowed(storage: Storage) -> None:
    storage.put(KEY, b"x" * 100, content_type=PNG)
    assert storage.get(KEY, max_bytes=100) == b"x" * 100
    with pytest.raises(ObjectTooLarge):
        storage.get(KEY, max_bytes=99)
    asked: list[int] = []

    def endless(size: int) -> bytes:
        asked.append(size)
        return b"x" * min(size, 40)

    with pytest.raises(ObjectTooLarge):
        read_within(endless, 100)
    assert asked == [101, 61, 21]


def test_a_folder_is_not_an_object(storage: Storage) -> None:
    storage.put("styles/a/b.png", b"x", content_type=PNG)
    assert storage.head("styles/a") is None


def test_list_finds_all_and_only_what_begins_with_the_prefix(storage: Storage) -> None:
    keys = {"generations/01A.png", "generations/01B.png", "generations/01A/t.png", "styles/9.png"}
    for key in keys:
        storage.put(key, b"123", content_type=PNG)
    assert {found.key for found in storage.list()} == keys
    assert {found.key for found in storage.list("generations/")} == keys - {"styles/9.png"}
    assert {found.key for found in storage.list("generations/01B")} == {"generations/01B.png"}
    assert {found.size for found in storage.list()} == {3}
    assert list(storage.list("nothing/")) == []


def test_list_is_in_the_order_of_keys_and_begins_behind_any_key(storage: Storage) -> None:
    in_order = ["a-b/1.png", "a/1.png", "a/b.png", "a/b/2.png", "a0.png", "b/1.png"]
    for key in reversed(in_order):
        storage.put(key, b"abc", content_type=PNG)
    assert [found.key for found in storage.list()] == in_order
    for number, key in enumerate(in_order):
        assert [found.key for found in storage.list(after=key)] == in_order[number + 1 :]
    assert [found.key for found in storage.list(after="a/aa")] == in_order[2:]
    assert [found.key for found in storage.list("a/", after="a/1.png")] == in_order[2:4]
    assert list(storage.list(after="c")) == []


def test_a_copy_is_independent_of_its_source(storage: Storage) -> None:
    storage.put(KEY, b"content", content_type=PNG)
    storage.copy(KEY, "generations/copy.png")
    storage.delete(KEY)
    assert storage.get("generations/copy.png") == b"content"


def test_deleting_twice_is_deleting_once(storage: Storage) -> None:
    storage.put(KEY, b"content", content_type=PNG)
    storage.delete(KEY)
    storage.delete(KEY)
    assert storage.head(KEY) is None


BAD_KEYS = [
    "",
    "/etc/passwd",
    "../secret",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden",
    "a\\b",
    "a\x00b",
    "a b",
    "a\n",
    "a%2e%2e/b",
    "a?b",
    "스타일/01.png",
    "é.png",
    "x" * 256,
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_only_keys_we_would_make_are_taken(storage: Storage, key: str) -> None:
    for call in (
        lambda: storage.put(key, b"x", content_type=PNG),
        lambda: storage.get(key),
        lambda: storage.head(key),
        lambda: storage.copy(key, KEY),
        lambda: storage.delete(key),
        lambda: storage.presigned_get(key, expires_in=MINUTE),
        lambda: storage.presigned_put(key, content_type=PNG, expires_in=MINUTE),
    ):
        with pytest.raises(InvalidKey):
            call()
    assert list(storage.list()) == []


@pytest.mark.parametrize("prefix", ["../", "/", "a//", ".", "é"])
def test_only_beginnings_of_our_keys_are_listed(storage: Storage, prefix: str) -> None:
    with pytest.raises(InvalidKey):
        list(storage.list(prefix))


def test_a_signed_get_reads_one_object(place) -> None:
    place.storage.put(KEY, b"content", content_type=PNG)
    url = place.storage.presigned_get(KEY, expires_in=MINUTE)
    assert place.request("GET", url) == (200, b"content")


def test_a_signed_get_can_name_the_download_in_any_script(place) -> None:
    place.storage.put(KEY, b"content", content_type=PNG)
    url = place.storage.presigned_get(KEY, expires_in=MINUTE, download_name='수채화 "1".png')
    assert url.isascii()
    assert place.request("GET", url) == (200, b"content")


def test_a_signed_put_writes_one_object(place) -> None:
    upload = place.storage.presigned_put(KEY, content_type=PNG, expires_in=MINUTE)
    status, _ = place.request(upload.method, upload.url, content=b"new", headers=upload.headers)
    assert status == 200
    assert place.storage.get(KEY) == b"new"


def test_a_changed_url_is_refused(place) -> None:
    other = "generations/01JZZZ.png"
    place.storage.put(KEY, b"content", content_type=PNG)
    place.storage.put(other, b"secret", content_type=PNG)
    url = place.storage.presigned_get(KEY, expires_in=MINUTE, download_name="a.png")
    name = (
        "download" if isinstance(place.storage, FolderStorage) else "response-content-disposition"
    )
    expiry = "expires" if isinstance(place.storage, FolderStorage) else "X-Amz-Expires"
    signature = "signature" if isinstance(place.storage, FolderStorage) else "X-Amz-Signature"
    assert place.request("GET", url)[0] == 200
    for forged in (
        url.replace(KEY, other),
        changed(url, **{name: "b.html"}),
        changed(url, **{expiry: "99999999999" if expiry == "expires" else "600000"}),
        changed(url, **{signature: "0" * 64}),
        changed(url, **{signature: "é"}),
        url.split("?", maxsplit=1)[0],
    ):
        status, body = place.request("GET", forged)
        assert status in {400, 403}, forged
        assert b"secret" not in body
        assert body != b"content"


def test_a_url_of_one_method_does_not_permit_another(place) -> None:
    place.storage.put(KEY, b"content", content_type=PNG)
    get_url = place.storage.presigned_get(KEY, expires_in=MINUTE)
    put = place.storage.presigned_put(KEY, content_type=PNG, expires_in=MINUTE)
    assert place.request("PUT", get_url, content=b"evil", headers=put.headers)[0] in {400, 403}
    assert place.request("GET", put.url, headers=put.headers)[0] in {400, 403}
    assert place.request("DELETE", get_url)[0] in {400, 403}
    assert place.storage.get(KEY) == b"content"


@pytest.mark.parametrize("content_type", ["text/html", "image/jpeg", "image/png; charset=x"])
def test_an_upload_of_another_content_type_is_refused(place, content_type: str) -> None:
    put = place.storage.presigned_put(KEY, content_type=PNG, expires_in=MINUTE)
    headers = {"Content-Type": content_type}
    assert place.request("PUT", put.url, content=b"evil", headers=headers)[0] in {400, 403}
    assert place.storage.head(KEY) is None


def test_an_expired_url_is_refused(place) -> None:
    place.storage.put(KEY, b"content", content_type=PNG)
    get_url = place.storage.presigned_get(KEY, expires_in=timedelta(seconds=1))
    put = place.storage.presigned_put(KEY, content_type=PNG, expires_in=timedelta(seconds=1))
    threading.Event().wait(2.1)
    assert place.request("GET", get_url)[0] in {400, 403}
    refused = place.request("PUT", put.url, content=b"late", headers=put.headers)
    assert refused[0] in {400, 403}
    assert place.storage.get(KEY) == b"content"


@pytest.mark.parametrize("seconds", [0, -1, 8 * 24 * 3600])
def test_the_lifetime_of_a_url_is_between_a_second_and_a_week(
    storage: Storage, seconds: int
) -> None:
    with pytest.raises(ValueError, match="between 1 second and 7 days"):
        storage.presigned_get(KEY, expires_in=timedelta(seconds=seconds))
    with pytest.raises(ValueError, match="between 1 second and 7 days"):
        storage.presigned_put(KEY, content_type=PNG, expires_in=timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "content_type", ["", "png", "image/png\nx: y", "image/png; a=b", "IMAGE/P"]
)
def test_only_plain_content_types_are_signed(storage: Storage, content_type: str) -> None:
    with pytest.raises(ValueError, match="content type"):
        storage.presigned_put(KEY, content_type=content_type, expires_in=MINUTE)
    with pytest.raises(ValueError, match="content type"):
        storage.put(KEY, b"x", content_type=content_type)


def test_check_is_quiet_while_storage_answers(storage: Storage) -> None:
    storage.check()


def test_storage_that_is_down_says_so(place) -> None:
    place.stop()
    storage = place.storage
    for call in (
        storage.check,
        lambda: storage.put(KEY, b"x", content_type=PNG),
        lambda: storage.get(KEY),
        lambda: storage.head(KEY),
        lambda: list(storage.list()),
        lambda: storage.copy(KEY, "generations/other.png"),
        lambda: storage.delete(KEY),
    ):
        with pytest.raises(StorageUnavailable):
            call()


def test_check_gives_up_soon_on_storage_that_hangs(monkeypatch) -> None:
    monkeypatch.setattr(s3_storage, "CHECK_TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = S3Storage(
            endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            public_endpoint="http://127.0.0.1:1",
            access_key="access",
            secret_key="secret",
            bucket="files",
        )
        with pytest.raises(StorageUnavailable, match="Timeout"):
            hanging.check()


def test_preparing_twice_keeps_what_is_there(storage: Storage) -> None:
    storage.put(KEY, b"content", content_type=PNG)
    storage.prepare()
    assert storage.get(KEY) == b"content"


# --- S3 ------------------------------------------------------------------------------------------


def test_a_bucket_that_does_not_exist_is_unavailable_storage(s3_port: int) -> None:
    storage = make_storage(
        storage_url=f"s3://AKIATEST:se%2Fcret@127.0.0.1:{s3_port}/no-such-bucket?secure=0",
        public_base_url="",
        secret_key="",
    )
    with pytest.raises(StorageUnavailable):
        storage.check()
    with pytest.raises(StorageUnavailable):
        storage.put(KEY, b"x", content_type=PNG)


def test_wrong_keys_of_ours_are_unavailable_storage(s3_port: int) -> None:
    storage = make_storage(
        storage_url=f"s3://AKIATEST:wrong@127.0.0.1:{s3_port}/images?secure=0",
        public_base_url="",
        secret_key="",
    )
    with pytest.raises(StorageUnavailable):
        storage.get(KEY)


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_storage, "READ_TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        storage = make_storage(
            storage_url=f"s3://a:b@127.0.0.1:{server.getsockname()[1]}/images?secure=0",
            public_base_url="",
            secret_key="",
        )
        with pytest.raises(StorageUnavailable, match="ReadTimeout"):
            storage.get(KEY)


def test_urls_are_signed_for_the_host_that_browsers_use() -> None:
    storage = make_storage(
        storage_url="s3://a:b@minio:9000/images?secure=0&public_endpoint=https://files.example.org",
        public_base_url="",
        secret_key="",
    )
    get_url = storage.presigned_get(KEY, expires_in=MINUTE)
    put_url = storage.presigned_put(KEY, content_type=PNG, expires_in=MINUTE).url
    for url in (get_url, put_url):
        assert url.startswith(f"https://files.example.org/images/{KEY}?")
    inside = storage.inside()
    get_url = inside.presigned_get(KEY, expires_in=MINUTE)
    put_url = inside.presigned_put(KEY, content_type=PNG, expires_in=MINUTE).url
    for url in (get_url, put_url):
        assert url.startswith(f"http://minio:9000/images/{KEY}?")


# --- the folder ----------------------------------------------------------------------------------


def test_folder_urls_are_served_by_the_web_process(folder) -> None:
    url = folder.storage.presigned_get(KEY, expires_in=MINUTE)
    assert url.startswith(f"http://localhost:8000/storage/{KEY}?expires=")


def test_a_signed_folder_url_also_permits_head(folder) -> None:
    folder.storage.put(KEY, b"content", content_type=PNG)
    url = folder.storage.presigned_get(KEY, expires_in=MINUTE)
    assert folder.request("HEAD", url)[0] == 200


def test_another_secret_key_signs_nothing_for_us(folder) -> None:
    other = FolderStorage(folder.folder, public_base_url="http://localhost:8000", secret_key="x")
    folder.storage.put(KEY, b"content", content_type=PNG)
    assert folder.request("GET", other.presigned_get(KEY, expires_in=MINUTE))[0] == 403


@pytest.mark.parametrize("expires", ["", "x", "-1", "1e12", "٣", "9" * 40])
def test_a_url_without_a_sane_expiry_is_refused(folder, expires: str) -> None:
    assert isinstance(folder.storage, FolderStorage)
    args = {"expires": expires, "signature": "0" * 64}
    assert not folder.storage.verify_url("GET", KEY, args)


def test_a_stream_past_its_limit_leaves_nothing_behind(folder) -> None:
    assert isinstance(folder.storage, FolderStorage)
    folder.storage.put(KEY, b"old", content_type=PNG)
    with pytest.raises(ObjectTooLarge):
        folder.storage.write_stream(KEY, io.BytesIO(b"x" * 101), 100)
    assert folder.storage.get(KEY) == b"old"
    assert [path.name for path in folder.folder.rglob("*") if path.is_file()] == [Path(KEY).name]
    assert folder.storage.write_stream(KEY, io.BytesIO(b"x" * 100), 100) == 100


def test_a_stream_that_breaks_off_leaves_nothing_behind(folder) -> None:
    class Broken(io.RawIOBase):
        def read(self, _size: int = -1) -> bytes:
            raise ConnectionResetError("the client went away")

    assert isinstance(folder.storage, FolderStorage)
    with pytest.raises(StorageUnavailable):
        folder.storage.write_stream(KEY, Broken(), 100)
    assert [path for path in folder.folder.rglob("*") if path.is_file()] == []


def test_symbolic_links_lead_nowhere(folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    (folder.folder / "linked").symlink_to(outside)
    (folder.folder / "secret.png").symlink_to(outside / "secret.png")
    with pytest.raises((InvalidKey, ObjectMissing)):
        folder.storage.get("linked/secret.png")
    with pytest.raises(ObjectMissing):
        folder.storage.get("secret.png")
    with pytest.raises(InvalidKey):
        folder.storage.put("linked/new.png", b"x", content_type=PNG)
    assert list(folder.storage.list()) == []
    folder.storage.put("secret.png", b"mine", content_type=PNG)  # replaces the link itself
    assert (outside / "secret.png").read_bytes() == b"secret"
    assert not (outside / "new.png").exists()


def test_many_writers_of_one_key_leave_one_whole_object(folder) -> None:
    contents = [bytes([number]) * 200_000 for number in range(8)]
    threads = [
        threading.Thread(target=folder.storage.put, args=(KEY, one), kwargs={"content_type": PNG})
        for one in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folder.storage.get(KEY) in contents
    assert len([path for path in folder.folder.rglob("*") if path.is_file()]) == 1


def test_only_its_owner_can_enter_the_folder(folder) -> None:
    assert folder.folder.stat().st_mode & 0o077 == 0


# --- the URL that names a storage ----------------------------------------------------------------


def test_each_scheme_makes_its_storage() -> None:
    made = make_storage(storage_url="folder:///x", public_base_url="http://h", secret_key="x")
    assert isinstance(made, FolderStorage)
    made = make_storage(storage_url="s3://a:b@h:1/bucket", public_base_url="", secret_key="")
    assert isinstance(made, S3Storage)


@pytest.mark.parametrize(
    "storage_url",
    ["", "folder://relative/path", "/path", "s3://host/bucket", "s3://a:b@host", "ftp://a:b@h/x"],
)
def test_other_urls_are_refused_at_once(storage_url: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_URL"):
        make_storage(storage_url=storage_url, public_base_url="", secret_key="")
