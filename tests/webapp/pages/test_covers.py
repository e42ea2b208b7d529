"""Link previews of styles and artists show the cover, at an address that lasts."""

import pytest

from tests.webapp.pages.reading import Page

SITE = "http://localhost:8000"


@pytest.fixture
def covered(session, style):
    style.sample_keys = ["samples/first.webp", "samples/second.webp"]
    style.thumbnail_key = "samples/first-256.webp"
    session.commit()
    return style


def previewed(client, path):
    [found] = Page(client.get(path)).all("meta", property="og:image")
    return found["content"].removeprefix(SITE)


def test_a_style_is_previewed_by_the_sample_that_its_artist_chose(client, covered):
    path = previewed(client, f"/styles/{covered.id}")
    answer = client.get(path)
    assert path == f"/styles/{covered.id}/cover"
    assert answer.status_code == 302
    assert "samples/first.webp" in answer.location
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_artist_is_previewed_by_their_style(client, covered):
    path = previewed(client, f"/users/{covered.artist_id}")
    assert path == f"/users/{covered.artist_id}/cover"
    assert "samples/first-256.webp" in client.get(path).location


def test_who_has_no_cover_is_previewed_by_the_icon(client, buyer):
    assert previewed(client, f"/users/{buyer.id}") == "/apple-touch-icon.png"
    assert client.get(f"/users/{buyer.id}/cover").status_code == 404


def test_the_cover_of_a_style_that_is_not_on_sale_is_not_found(client, session, covered):
    covered.is_active = False
    session.commit()
    assert client.get(f"/styles/{covered.id}/cover").status_code == 404
    assert client.get(f"/users/{covered.artist_id}/cover").status_code == 404
