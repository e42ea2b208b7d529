import io

import pytest
from PIL import Image
from sqlalchemy import func, select, update

from tests import images, making
from tests.webapp.conftest import error_code
from webapp.domain.models.account import User
from webapp.domain.models.artist_page import ArtistPage
from webapp.domain.models.generation import Generation

OWN = "/api/v1/users/me/artist-page"
LINK = {"url": "https://example.org", "label": "Portfolio"}


def of(artist):
    return f"/api/v1/users/{artist.user_id}/artist-page"


def banner(data):
    return {"banner": (io.BytesIO(data), "../../banner.jpg")}


def test_an_artist_who_has_written_nothing_has_an_empty_page(client, artist, style):
    assert client.get(of(artist)).json["data"] == {
        "about": "",
        "banner_url": None,
        "links": [],
        "follower_count": 0,
        "style_count": 1,
        "pinned_pictures": [],
        "shown_artworks": [],
    }


def test_text_and_links_are_changed_by_themselves(client, artist_client, artist):
    first = artist_client.patch(OWN, json={"about": " Ink.\r\n\r\nRain. ", "links": [LINK]})
    assert first.status_code == 200
    artist_client.patch(OWN, json={"about": "Ink."})
    data = client.get(of(artist)).json["data"]
    link = {"url": "https://example.org/", "label": "Portfolio", "host": "example.org"}
    assert (data["about"], data["links"]) == ("Ink.", [link])
    assert first.json["data"]["about"] == "Ink.\n\nRain."
    artist_client.patch(OWN, json={"links": []})
    assert client.get(of(artist)).json["data"]["links"] == []


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"about": "x" * 2001}, "about"),
        ({"about": "in\u200bvisible"}, "about"),
        ({"links": [LINK] * 6}, "links"),
        ({"links": [{"url": "javascript:alert(1)"}]}, "links.0.url"),
        ({"links": [LINK, LINK | {"label": "x" * 41}]}, "links.1.label"),
        ({"links": [{"label": "Portfolio"}]}, "links.0.url"),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_stored(artist_client, session, wrong, field):
    answer = artist_client.patch(OWN, json={"about": "Ink."} | wrong)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert list(answer.json["error"]["details"]["fields"]) == [field]
    assert session.scalar(select(func.count()).select_from(ArtistPage)) == 0


@pytest.mark.parametrize(
    "file, size",
    [(images.jpeg(3200, 800), (1600, 400)), (images.png(900, 300), (900, 300))],
    ids=["jpeg", "png"],
)
def test_a_banner_is_a_clean_webp_of_limited_width(client, artist_client, artist, file, size):
    answer = artist_client.put(f"{OWN}/banner", data=banner(file))
    assert answer.status_code == 200
    shown = client.get(client.get(of(artist)).json["data"]["banner_url"])
    assert shown.mimetype == "image/webp"
    picture = Image.open(io.BytesIO(shown.data))
    assert (picture.format, picture.size) == ("WEBP", size)
    assert artist_client.delete(f"{OWN}/banner").status_code == 204
    assert client.get(of(artist)).json["data"]["banner_url"] is None


def test_nothing_of_the_uploaded_file_but_its_pixels_is_kept(client, artist_client, artist):
    artist_client.put(f"{OWN}/banner", data=banner(images.jpeg_with_secrets()))
    shown = client.get(client.get(of(artist)).json["data"]["banner_url"]).data
    picture = Image.open(io.BytesIO(shown))
    assert not {"exif", "xmp", "icc_profile"} & picture.info.keys()


@pytest.mark.parametrize(
    "file, code",
    [
        (images.svg(), "INVALID_IMAGE_FORMAT"),
        (images.gif(), "INVALID_IMAGE_FORMAT"),
        (images.heavy(5 * 1024 * 1024 + 1), "IMAGE_SIZE_EXCEEDED"),
        (images.png(199, 800), "IMAGE_RESOLUTION_TOO_LOW"),
        (images.png(3300, 200), "IMAGE_TOO_LONG"),
        (images.png_claiming(20000, 20000), "IMAGE_TOO_LARGE_PIXELS"),
        (images.half_of(images.jpeg()), "IMAGE_CORRUPT"),
    ],
    ids=["svg", "gif", "heavy", "small", "long", "bomb", "truncated"],
)
def test_a_bad_banner_is_refused_and_the_old_one_stays(
    client, artist_client, artist, session, file, code
):
    artist_client.put(f"{OWN}/banner", data=banner(images.png(900, 300)))
    before = session.scalar(select(ArtistPage.banner_key))
    answer = artist_client.put(f"{OWN}/banner", data=banner(file))
    assert (answer.status_code, error_code(answer)) == (422, code)
    assert session.scalar(select(ArtistPage.banner_key)) == before


def test_a_banner_without_a_file_is_refused(artist_client):
    answer = artist_client.put(f"{OWN}/banner", data={"x": "y"}, content_type="multipart/form-data")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    as_text = artist_client.put(
        f"{OWN}/banner", data={"banner": "x"}, content_type="multipart/form-data"
    )
    assert as_text.status_code == 422


def test_pictures_are_pinned_and_taken_down(client, artist_client, artist, shown):
    address = f"{OWN}/pictures/{shown.id}"
    for _ in range(2):
        pinned = artist_client.put(address)
        assert [each["id"] for each in pinned.json["data"]["pinned_pictures"]] == [shown.id]
    assert artist_client.delete(address).status_code == 204
    assert client.get(of(artist)).json["data"]["pinned_pictures"] == []
    again = artist_client.delete(address)
    assert (again.status_code, error_code(again)) == (404, "GENERATION_NOT_FOUND")


def test_the_seventh_pin_is_refused(artist_client, session, storage, style, finish):
    buyer = making.user(session, tokens=500)
    made = [finish(making.order(session, buyer, style)[0], is_public=True).id for _ in range(7)]
    answers = [artist_client.put(f"{OWN}/pictures/{each}") for each in made]
    assert [each.status_code for each in answers] == [200] * 6 + [409]
    assert error_code(answers[-1]) == "PIN_LIMIT_REACHED"
    assert answers[-1].json["error"]["details"]["limit"] == 6


def test_a_picture_that_became_private_is_on_no_page_and_its_words_in_no_answer(
    client, artist_client, admin_client, artist, session, shown
):
    artist_client.put(f"{OWN}/pictures/{shown.id}")
    session.execute(update(Generation).values(is_public=False, prompt_tags=["quokkalume"]))
    session.commit()
    for who in (client, artist_client, admin_client):
        for address in (of(artist), f"/users/{artist.user_id}"):
            answer = who.get(address)
            assert answer.status_code == 200
            assert "quokkalume" not in answer.text
            assert f"/g/{shown.id}" not in answer.text


def test_only_artists_have_pages_and_only_their_own_to_change(
    client, buyer_client, buyer, session, artist
):
    assert client.get(f"/api/v1/users/{buyer.id}/artist-page").status_code == 404
    assert client.patch(OWN, json={"about": "x"}).status_code == 401
    for answer in (
        buyer_client.patch(OWN, json={"about": "x"}),
        buyer_client.put(f"{OWN}/banner", data=banner(images.png(900, 300))),
        buyer_client.delete(f"{OWN}/banner"),
        buyer_client.put(f"{OWN}/pictures/1"),
        buyer_client.delete(f"{OWN}/pictures/1"),
    ):
        assert (answer.status_code, error_code(answer)) == (403, "ARTIST_ONLY")
    session.execute(update(User).where(User.id == artist.user_id).values(is_active=False))
    session.commit()
    assert client.get(of(artist)).status_code == 404
