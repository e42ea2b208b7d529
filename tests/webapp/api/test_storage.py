from datetime import timedelta

import pytest

from tests.webapp.conftest import error_code
from webapp.api import storage as served
from webapp.domain.images import TRAINING_IMAGE
from webapp.http import bodies

HOUR = timedelta(hours=1)
PNG = "image/png"


def test_a_signed_address_sends_the_file_and_nothing_a_browser_could_run(client, storage):
    storage.put("images/a.png", b"a picture", content_type=PNG)
    answer = client.get(storage.presigned_get("images/a.png", expires_in=HOUR))
    assert (answer.status_code, answer.data, answer.mimetype) == (200, b"a picture", PNG)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"].startswith("private")


def test_a_stored_page_is_sent_as_bytes(client, storage):
    storage.put("uploads/a.html", b"<script>", content_type="text/html")
    answer = client.get(storage.presigned_get("uploads/a.html", expires_in=HOUR))
    assert answer.mimetype == "application/octet-stream"


def test_a_part_of_a_file_can_be_asked_for(client, storage):
    storage.put("images/a.png", b"0123456789", content_type=PNG)
    url = storage.presigned_get("images/a.png", expires_in=HOUR)
    answer = client.get(url, headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.data) == (206, b"234")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url: url.split("?")[0],
        lambda url: url.replace("a.png", "b.png"),
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url.replace("expires=", "expires=9"),
        lambda url: url.replace("images/a.png", "images/../images/a.png"),
        lambda url: url.replace("images/a.png", "images/%2e%2e/%2e%2e/etc/passwd"),
        lambda url: url + "&download=evil.html",
    ],
)
def test_an_address_that_we_did_not_sign_is_refused(client, storage, spoil):
    for key in ("images/a.png", "images/b.png"):
        storage.put(key, b"a picture", content_type=PNG)
    answer = client.get(spoil(storage.presigned_get("images/a.png", expires_in=HOUR)))
    assert answer.status_code in {403, 404}
    assert b"a picture" not in answer.data


def test_an_address_for_reading_writes_nothing(client, storage):
    storage.put("images/a.png", b"a picture", content_type=PNG)
    answer = client.put(storage.presigned_get("images/a.png", expires_in=HOUR), data=b"x")
    assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")
    assert storage.get("images/a.png") == b"a picture"


def test_an_upload_takes_the_agreed_type_only(client, storage):
    put = storage.presigned_put("uploads/a.png", content_type=PNG, expires_in=HOUR)
    wrong = client.put(put.url, data=b"x", headers={"Content-Type": "text/html"})
    assert wrong.status_code == 403
    assert client.put(put.url, data=b"x", headers=put.headers).status_code == 200
    assert storage.get("uploads/a.png") == b"x"


def test_an_upload_above_its_kinds_size_is_refused_and_not_kept(client, storage):
    put = storage.presigned_put("uploads/a.png", content_type=PNG, expires_in=HOUR)
    answer = client.put(put.url, data=bytes(TRAINING_IMAGE.max_bytes + 1), headers=put.headers)
    assert (answer.status_code, error_code(answer)) == (413, "PAYLOAD_TOO_LARGE")
    assert storage.head("uploads/a.png") is None


def test_a_missing_object_is_not_found(client, storage):
    answer = client.get(storage.presigned_get("images/none.png", expires_in=HOUR))
    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


def test_with_another_storage_there_is_nothing_to_serve(client, app):
    app.extensions["storage"] = object()
    assert client.get("/storage/images/a.png").status_code == 404
    assert TRAINING_IMAGE.max_bytes < served.MAX_WORKER_UPLOAD


def test_a_worker_hands_over_a_file_that_is_larger_than_any_json(client, storage):
    """Checkpoints of a training have more than ten megabytes."""
    octets = "application/octet-stream"
    put = storage.presigned_put("training/1/2.checkpoint", content_type=octets, expires_in=HOUR)
    large = bytes(bodies.MAX_BODY + 1)
    answer = client.put(put.url, data=large, headers=put.headers)
    assert answer.status_code == 200
    assert len(storage.get("training/1/2.checkpoint")) == len(large)
