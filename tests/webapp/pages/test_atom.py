"""Feed readers get the newest public pictures, of the site, a style or an artist."""

from datetime import datetime
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import update

from tests import making
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.pages import atom

SITE = "http://localhost:8000"
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def read(answer):
    assert answer.status_code == 200
    assert answer.mimetype == "application/atom+xml"
    return ET.fromstring(answer.text)  # noqa: S314 - our own answer


def links(feed):
    return [
        link.get("href").removeprefix(SITE)
        for link in feed.findall("a:entry/a:link[@rel='alternate']", ATOM)
    ]


@pytest.fixture
def pictures(session, buyer, style, finish):
    making.ledger.grant(session, buyer.id, 1000, key="for a feed")
    return [finish(making.order(session, buyer, style)[0], is_public=True) for _ in range(3)]


@pytest.fixture
def paths(style):
    return ["/feed.xml", f"/styles/{style.id}/feed.xml", f"/users/{style.artist_id}/feed.xml"]


def test_each_feed_has_the_pictures_newest_first(client, pictures, paths):
    newest_first = [f"/g/{each.id}" for each in reversed(pictures)]
    assert [links(read(client.get(path))) for path in paths] == [newest_first] * 3


def test_a_feed_is_limited_to_the_newest(client, monkeypatch, pictures):
    monkeypatch.setattr(atom, "PICTURES", 2)
    assert links(read(client.get("/feed.xml"))) == [f"/g/{each.id}" for each in pictures[:0:-1]]


def test_what_not_everybody_may_see_is_in_no_feed(
    client, buyer_client, session, buyer, style, finish, paths
):
    private = finish(making.order(session, buyer, style)[0])
    flagged = finish(making.order(session, buyer, style)[0], is_public=True)
    session.execute(update(Generation).where(Generation.id == flagged.id).values(is_flagged=True))
    session.commit()
    assert private.user_id == buyer.id
    for path in paths:
        assert links(read(client.get(path))) == []
        assert links(read(buyer_client.get(path))) == []  # the same for everybody: it is cached


def test_an_entry_has_what_atom_requires_and_an_address_of_its_own(client, image, style, artist):
    feed = read(client.get("/feed.xml"))
    for parent in (feed, feed.find("a:entry", ATOM)):
        for name in ("id", "title", "updated"):
            assert parent.find(f"a:{name}", ATOM).text
        assert datetime.fromisoformat(parent.find("a:updated", ATOM).text).tzinfo is not None
    entry = feed.find("a:entry", ATOM)
    assert entry.find("a:id", ATOM).text == f"{SITE}/g/{image.id}"
    assert entry.find("a:author/a:name", ATOM).text == artist.artist_name
    assert [each.get("term") for each in entry.findall("a:category", ATOM)] == image.prompt_tags
    content = entry.find("a:content", ATOM).text
    assert f"{SITE}/api/v1/generations/{image.id}/image?variant=preview" in content
    assert f"AI · {style.name}" in content


def test_names_and_titles_stay_text(client, session, image, artist):
    artist.artist_name = "</name><b>Mina & Co"
    image.description = "<script>alert(1)</script>"
    session.commit()
    entry = read(client.get("/feed.xml")).find("a:entry", ATOM)
    assert entry.find("a:title", ATOM).text == "<script>alert(1)</script>"
    assert entry.find("a:author/a:name", ATOM).text == artist.artist_name
    assert "<b>Mina" not in entry.find("a:content", ATOM).text


def test_a_site_without_pictures_has_an_empty_feed(client):
    feed = read(client.get("/feed.xml"))
    assert feed.findall("a:entry", ATOM) == []
    assert feed.find("a:updated", ATOM).text


def test_a_reader_that_has_the_feed_already_gets_nothing_again(client, image):
    first = client.get("/feed.xml")
    again = client.get("/feed.xml", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")


def test_a_style_that_is_not_on_sale_and_unknown_ones_have_no_feed(client, session, style):
    session.execute(update(Style).values(is_active=False))
    session.commit()
    missing = (
        f"/styles/{style.id}/feed.xml",
        "/styles/99999999/feed.xml",
        "/users/9999999/feed.xml",
    )
    for path in missing:
        assert client.get(path).status_code == 404


def test_pages_name_their_feed(client, image, paths, style):
    pages = ["/", f"/styles/{style.id}", f"/users/{style.artist_id}"]
    for page, path in zip(pages, paths, strict=True):
        assert f'type="application/atom+xml" title="New pictures" href="{path}"' in (
            client.get(page).text
        )
