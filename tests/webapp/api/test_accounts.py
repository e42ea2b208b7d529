import base64
import io

import pytest
from PIL import Image
from sqlalchemy import select

from tests import images, making
from tests.webapp.conftest import error_code
from webapp.domain.models.account import Artist, User

UPGRADE = "/api/v1/users/me/upgrade-to-artist"


def data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def test_a_drawn_signature_makes_an_artist_once(buyer_client, buyer, session, storage):
    body = {"artist_name": "J. Han", "signature_image": data_url(making.signature_png())}
    answer = buyer_client.post(UPGRADE, json=body)
    assert answer.status_code == 200
    data = answer.json["data"]
    assert data["user"] == {"id": buyer.id, "role": "artist"}
    assert data["artist"]["artist_name"] == "J. Han"
    assert data["artist"]["verified_email"] == buyer.email
    shown = buyer_client.get(data["artist"]["signature_image_url"])
    assert Image.open(io.BytesIO(shown.data)).mode == "RGBA"
    again = buyer_client.post(UPGRADE, json=body)
    assert (again.status_code, error_code(again)) == (409, "ALREADY_ARTIST")
    me = buyer_client.get("/api/v1/auth/me").json["data"]
    assert me["role"] == "artist"
    assert me["artist"]["signature_position"] == "bottom-right"
    assert me["artist"]["signature_opacity"] == 0.7
    artist = session.get(Artist, buyer.id)
    assert storage.get(artist.signature_key) == shown.data


def test_an_uploaded_signature_makes_an_artist(buyer_client):
    answer = buyer_client.post(
        UPGRADE,
        data={
            "artist_name": "<b>J. Han</b>",
            "verified_email": "han@example.org",
            "signature_image": (io.BytesIO(making.signature_png()), "../../han.png"),
        },
    )
    assert answer.status_code == 200
    assert answer.json["data"]["artist"]["artist_name"] == "J. Han"
    assert answer.json["data"]["artist"]["verified_email"] == "han@example.org"


@pytest.mark.parametrize(
    "signature, code",
    [
        (images.jpeg(), "INVALID_IMAGE_FORMAT"),
        (images.svg(), "INVALID_IMAGE_FORMAT"),
        (images.heavy(2 * 1024 * 1024 + 1), "IMAGE_SIZE_EXCEEDED"),
        (images.png_claiming(20000, 20000), "IMAGE_TOO_LARGE_PIXELS"),
        (images.half_of(images.png()), "IMAGE_CORRUPT"),
        (images.encoded(Image.new("RGBA", (300, 100))), "IMAGE_CORRUPT"),
        (images.encoded(Image.new("RGB", (300, 100), "white")), "IMAGE_CORRUPT"),
    ],
    ids=["jpeg", "svg", "heavy", "bomb", "truncated", "clear", "white"],
)
def test_a_signature_that_cannot_be_used_is_refused(buyer_client, session, signature, code):
    body = {"artist_name": "J. Han", "signature_image": (io.BytesIO(signature), "han.png")}
    answer = buyer_client.post(UPGRADE, data=body)
    assert (answer.status_code, error_code(answer)) == (422, code)
    assert answer.json["error"]["details"]["images"][0]["code"] == code
    assert session.scalar(select(Artist.user_id)) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"artist_name": "J. Han"},
        {"artist_name": "J", "signature_image": data_url(making.signature_png())},
        {"artist_name": "J. Han", "signature_image": "https://example.org/signature.png"},
        {"artist_name": "J. Han", "signature_image": "data:image/svg+xml;base64,PHN2Zz4="},
        {
            "artist_name": "J. Han",
            "verified_email": "no address",
            "signature_image": data_url(making.signature_png()),
        },
    ],
)
def test_an_upgrade_names_its_wrong_fields(buyer_client, body):
    answer = buyer_client.post(UPGRADE, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_a_profile_changes_only_what_is_given(buyer_client, session, buyer):
    making.user(session, bio="x").username = "taken"
    session.commit()
    changed = buyer_client.patch(
        "/api/v1/users/me", json={"username": "mina", "bio": "<i>I draw.</i>\x00", "role": "admin"}
    ).json["data"]
    assert (changed["username"], changed["bio"], changed["role"]) == ("mina", "I draw.", "user")
    taken = buyer_client.patch("/api/v1/users/me", json={"username": "taken"})
    assert (taken.status_code, error_code(taken)) == (409, "DUPLICATE_USERNAME")
    for wrong in ({"username": "a b"}, {"username": "ab"}, {"language": "fr"}, {"bio": "x" * 151}):
        assert buyer_client.patch("/api/v1/users/me", json=wrong).status_code == 422
    assert session.scalar(select(User.username).where(User.id == buyer.id)) == "mina"
