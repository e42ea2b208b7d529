"""The keys of the storage are changed while there are signed URLs of the former pair."""

from datetime import timedelta

import httpx
import pytest

from tests.broker import free_port
from tests.webapp.domain.gateways.conftest import s3_server
from webapp.domain.gateways.storage import StorageUnavailable, make_storage

OLD, NEW = "AKIAOLD,old-secret", "AKIANEW,new-secret"
KEY, PNG, HOUR = "images/picture.png", "image/png", timedelta(hours=1)


@pytest.fixture
def server(tmp_path):
    """Start the S3 server, always over the same files and at the same port."""
    folder, port = tmp_path / "s3", free_port()
    folder.mkdir()
    return lambda *pairs: s3_server(folder, *pairs, port=port)


def process(pair, port):
    """The storage of a process that was started with a pair of keys."""
    credentials = pair.replace(",", ":")
    return make_storage(
        storage_url=f"s3://{credentials}@127.0.0.1:{port}/files?secure=0",
        public_base_url="",
        secret_key="",
    )


def fetch(url):
    return httpx.get(url, timeout=10).status_code


def upload(presigned, content):
    answer = httpx.put(presigned.url, content=content, headers=presigned.headers, timeout=10)
    return answer.status_code


def test_two_pairs_of_keys_are_valid_until_the_former_is_removed(server):
    with server(OLD) as port:
        before = process(OLD, port)
        before.prepare()
        before.put(KEY, b"content", content_type=PNG)
        link = before.presigned_get(KEY, expires_in=HOUR)
        form = before.presigned_put("uploads/in-flight.png", content_type=PNG, expires_in=HOUR)
        assert fetch(process(NEW, port).presigned_get(KEY, expires_in=HOUR)) == 403

    with server(OLD, NEW) as port:
        restarted = process(NEW, port)
        assert restarted.get(KEY) == b"content"
        assert before.get(KEY) == b"content"  # a process that is not restarted yet
        assert fetch(link) == fetch(restarted.presigned_get(KEY, expires_in=HOUR)) == 200
        assert upload(form, b"of the former pair") == 200
        assert restarted.get("uploads/in-flight.png") == b"of the former pair"

    with server(NEW, NEW):  # docker-compose.yml repeats the pair when there is no former one
        assert restarted.get(KEY) == b"content"
        assert (fetch(link), upload(form, b"too late")) == (403, 403)
        with pytest.raises(StorageUnavailable):
            before.get(KEY)
