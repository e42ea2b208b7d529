"""No part of a form is lost without a word: what cannot be read or is not taken is an error."""

import io
import json

import pytest
from sqlalchemy import func, select

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.style import Style

ME = "/api/v1/users/me"
STYLES = "/api/v1/styles"
BOUNDARY = "part"


def part(disposition, body=b"words"):
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode("latin-1")
    return head + body + b"\r\n"


def send(client, method, path, *parts):
    return client.open(
        path,
        method=method,
        data=b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
    )


UNREADABLE = [
    'form-data; filename="me.png"',
    'form-data; name=; filename="me.png"',
    'form-data; name=""; filename="me.png"',
    'form-data; name="profile\xffimage"; filename="me.png"',
    'form-data; name="profile_image; filename="me.png"',
    "form-data; name='profile_image'; filename=\"me.png\"",
    'form-data; name="=?UTF-8?Q?profile=5Fimage?="; filename="me.png"',
    "form-data",
    "",
]


@pytest.mark.parametrize("disposition", UNREADABLE)
def test_a_part_whose_name_cannot_be_read_is_an_error_and_changes_nothing(
    buyer_client, disposition
):
    before = buyer_client.get(ME).json["data"]
    bio = part('form-data; name="bio"', b"I draw.")
    answer = send(buyer_client, "PATCH", ME, bio, part(disposition, making.picture_png()))
    assert (answer.status_code, error_code(answer)) == (400, "INVALID_REQUEST")
    assert buyer_client.get(ME).json["data"] == before


@pytest.mark.parametrize("disposition", UNREADABLE)
def test_the_page_of_the_settings_says_so_too(buyer_client, buyer, session, disposition):
    answer = send(buyer_client, "POST", "/me/settings", part(disposition, making.picture_png()))
    assert answer.status_code == 400
    session.refresh(buyer)
    assert buyer.bio == ""


@pytest.mark.parametrize(
    "disposition, body, said",
    [
        ('form-data; name="avatar"; filename="me.png"', b"x", "This form has no such file."),
        ('form-data; name="profile_image"', b"words", "Must be a file."),
    ],
)
def test_a_file_that_a_form_does_not_take_is_named(buyer_client, disposition, body, said):
    answer = send(buyer_client, "PATCH", ME, part(disposition, body))
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    [texts] = answer.json["error"]["details"]["fields"].values()
    assert texts == [said]


def test_a_file_field_in_which_nothing_was_chosen_is_none(buyer_client):
    nothing = part('form-data; name="profile_image"; filename=""', b"")
    bio = part('form-data; name="bio"', "나는 그린다.".encode())
    answer = send(buyer_client, "PATCH", ME, nothing, bio)
    assert answer.status_code == 200
    assert answer.json["data"]["bio"] == "나는 그린다."


def style_form(count, **fields):
    images = [
        (io.BytesIO(making.picture_png(seed=seed)), f"work {seed}.png") for seed in range(count)
    ]
    return {
        "name": "Ink Harbor",
        "description": "Piers in ink.",
        "price_tokens": "20",
        "images": images,
    } | fields


@pytest.mark.parametrize("index", [10, 57, 100])
def test_tags_for_an_image_that_was_not_sent_are_refused(artist_client, session, index):
    tags = json.dumps({"0": ["boat"], str(index): ["sea"]})
    answer = artist_client.post(STYLES, data=style_form(10, image_tags=tags))
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    said = [f"There is no image {index}: indexes start at 0."]
    assert answer.json["error"]["details"]["fields"] == {"image_tags": said}
    assert session.scalar(select(func.count()).select_from(Style)) == 0


def test_tags_for_the_last_image_are_kept(artist_client, session):
    tags = json.dumps({"9": ["Rock ’n’ Roll", "black_and_white"]})
    answer = artist_client.post(STYLES, data=style_form(10, image_tags=tags))
    assert answer.status_code == 201, answer.json
    works = answer.json["data"]["artworks"]
    assert works[9]["tags"] == ["ink harbor", "rock 'n' roll", "black and white"]


def test_tags_of_new_works_are_refused_without_their_image_when_a_style_is_trained_again(
    artist_client, style
):
    path = f"{STYLES}/{style.id}/retrain"
    answer = artist_client.post(
        path, data={"image_tags": '{"0": ["sea"]}'}, content_type="multipart/form-data"
    )
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert list(answer.json["error"]["details"]["fields"]) == ["image_tags"]
