"""Whose picture is this? Nothing is claimed that is not so."""

import hashlib
import io
import secrets

import pytest
from sqlalchemy import update

from tests import images
from tests.webapp.conftest import error_code, make_app
from webapp.domain.models.license import Certificate

VERIFY = "/api/v1/verify"


def send(client, picture, **options):
    return client.post(VERIFY, data={"image": (io.BytesIO(picture), "picture")}, **options)


@pytest.fixture(scope="module")
def delivered():
    """A file as it was delivered."""
    return images.png(256, 256)


@pytest.fixture
def licensed(session, ordered, finish, delivered):
    """The certificate of a private picture of which this is the file."""
    image = finish(ordered)
    session.execute(
        update(Certificate)
        .where(Certificate.generation_id == image.id)
        .values(image_sha256=hashlib.sha256(delivered).hexdigest())
    )
    session.commit()
    return image.license_public_id


@pytest.fixture
def limited_client(bind, storage, monkeypatch):
    """Somebody at an address of their own, where requests are counted."""
    app = bind(make_app(monkeypatch, RATE_LIMITS_ENABLED="1"))
    client = app.test_client()
    numbers = ":".join(secrets.token_hex(2) for _ in range(4))
    client.environ_base["REMOTE_ADDR"] = f"2001:db8:{secrets.token_hex(2)}:0:{numbers}"
    return client


def test_the_file_that_was_delivered_names_its_certificate(client, licensed, delivered, style):
    answer = send(client, delivered)
    assert answer.status_code == 200
    data = answer.json["data"]
    [match] = data["matches"]
    assert match["public_id"] == licensed
    assert match["license_url"].endswith(f"/l/{licensed}")
    assert (match["method"], match["confidence"], match["status"]) == ("hash", 1, "valid")
    assert match["style_name"] == style.name
    assert (data["notes"], data["deep"]) == ([], None)


@pytest.mark.parametrize(
    "file, code",
    [
        (images.gif(), "INVALID_IMAGE_FORMAT"),
        (images.svg(), "INVALID_IMAGE_FORMAT"),
        (images.heavy(20 * 1024 * 1024 + 1), "IMAGE_SIZE_EXCEEDED"),
        (images.png_claiming(20000, 20000), "IMAGE_TOO_LARGE_PIXELS"),
        (images.png(63, 200), "IMAGE_RESOLUTION_TOO_LOW"),
    ],
    ids=["gif", "svg", "heavy", "bomb", "tiny"],
)
def test_a_file_that_is_no_picture_within_the_limits_is_refused(client, file, code):
    answer = send(client, file)
    assert (answer.status_code, error_code(answer)) == (422, code)
    [bad] = answer.json["error"]["details"]["images"]
    assert (bad["filename"], bad["code"]) == ("image", code)


def test_a_form_without_one_file_is_refused(client, delivered):
    files = [(io.BytesIO(delivered), "first"), (io.BytesIO(delivered), "second")]
    for form, problem in (({"image": files}, "One file only."), ({}, "Must be a file.")):
        answer = client.post(VERIFY, data=form, content_type="multipart/form-data")
        assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
        assert answer.json["error"]["details"]["fields"] == {"image": [problem]}


def test_a_body_larger_than_any_picture_is_refused_unread(client):
    answer = send(client, images.heavy(22 * 1024 * 1024))
    assert (answer.status_code, error_code(answer)) == (413, "PAYLOAD_TOO_LARGE")


def test_the_eleventh_verification_of_a_minute_is_refused(limited_client, licensed, delivered):
    answers = [send(limited_client, delivered) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert error_code(answers[-1]) == "RATE_LIMIT_EXCEEDED"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 61


def test_a_network_counts_as_one_address(limited_client, licensed, delivered):
    network = limited_client.environ_base["REMOTE_ADDR"].split(":0:")[0]
    for number in range(1, 12):
        limited_client.environ_base["REMOTE_ADDR"] = f"{network}:0:0:0:0:{number}"
        status = send(limited_client, delivered).status_code
    assert status == 429
