import json
import re
from io import BytesIO

from PIL import Image
from sqlalchemy import update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries import sitemaps

SITE = "http://localhost:8000"


def found(answer):
    """The addresses of a map."""
    assert answer.status_code == 200
    assert answer.mimetype == "application/xml"
    return re.findall(f"<loc>{SITE}([^<]+)</loc>", answer.text)


def listed(client):
    """All pages of all parts."""
    return [page for part in found(client.get("/sitemap.xml")) for page in found(client.get(part))]


def test_the_map_lists_every_style_and_picture_that_everybody_may_see(
    client, session, storage, buyer, style, image, finish
):
    private = finish(making.order(session, buyer, style)[0])
    flagged = finish(making.order(session, buyer, style)[0], is_public=True)
    session.execute(update(Generation).where(Generation.id == flagged.id).values(is_flagged=True))
    learning = making.training(session, storage)
    session.commit()
    pages = listed(client)
    assert {f"/styles/{style.id}", f"/g/{image.id}"} <= set(pages)
    for hidden in (f"/g/{private.id}", f"/g/{flagged.id}", f"/styles/{learning.style_id}"):
        assert hidden not in pages


def test_the_map_comes_in_parts_of_bounded_size(client, monkeypatch, session, buyer, style, finish):
    monkeypatch.setattr(sitemaps, "IDS_IN_A_PART", 3)
    making.ledger.grant(session, buyer.id, 1000, key="for a map")
    made = [finish(making.order(session, buyer, style)[0], is_public=True) for _ in range(7)]
    parts = [part for part in found(client.get("/sitemap.xml")) if "images" in part]
    pages = [found(client.get(part)) for part in parts]
    assert max(len(part) for part in pages) == 3
    assert sorted(page for part in pages for page in part) == sorted(
        f"/g/{each.id}" for each in made
    )


def test_a_part_that_is_not_there_is_not_found(client, image):
    for address in ("/sitemap/images-99999999.xml", "/sitemap/people-0.xml"):
        assert client.get(address).status_code == 404


def test_a_site_with_nothing_to_show_has_an_empty_map(client, session):
    session.execute(update(Style).values(is_active=False))
    assert [page for page in listed(client) if page.startswith("/g/")] == []


def test_crawlers_are_told_where_the_map_is_and_may_fetch_pictures(client):
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    assert f"Sitemap: {SITE}/sitemap.xml" in answer.text
    assert "Allow: /api/v1/generations/" in answer.text


def test_a_home_screen_gets_the_seal(client):
    answer = client.get("/apple-touch-icon.png")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")


def test_programs_that_look_for_an_icon_at_its_old_place_find_it(client):
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    with Image.open(BytesIO(answer.data)) as icon:
        assert (icon.format, icon.info["sizes"]) == ("ICO", {(16, 16), (32, 32), (48, 48)})


def test_a_phone_can_put_the_site_on_its_home_screen(client):
    assert Page(client.get("/")).all("link", rel="manifest", href="/site.webmanifest")
    answer = client.get("/site.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    manifest = json.loads(answer.text)
    assert (manifest["start_url"], manifest["display"]) == ("/", "standalone")
    for each in manifest["icons"]:
        icon = client.get(each["src"])
        assert icon.mimetype == each["type"]
        if each["type"] == "image/png":
            with Image.open(BytesIO(icon.data)) as opened:
                assert "{}x{}".format(*opened.size) == each["sizes"]


def test_every_page_says_what_others_may_show_of_it(client, style, image):
    for path in ("/", "/styles", f"/styles/{style.id}", f"/l/{image.license_public_id}"):
        page = Page(client.get(f"{path}?x=1"))
        for name in ("og:title", "og:description", "og:image", "og:image:alt"):
            [found] = page.all("meta", property=name)
            assert found["content"], name
        assert page.all("meta", property="og:url", content=f"{SITE}{path}")
        assert page.all("meta", name="twitter:card")


def test_a_certificate_is_shown_with_its_picture_as_long_as_that_is_public(client, session, image):
    address = f"/l/{image.license_public_id}"
    [shown] = Page(client.get(address)).all("meta", property="og:image")
    assert shown["content"] == f"{SITE}/api/v1/generations/{image.id}/image?variant=preview"
    image.is_public = False
    session.commit()
    [shown] = Page(client.get(address)).all("meta", property="og:image")
    assert shown["content"] == f"{SITE}/apple-touch-icon.png"


def test_a_page_that_is_found_in_several_ways_names_its_one_address(client, image):
    for path, found in (("/", "/?sort=popular"), (f"/g/{image.id}", f"/g/{image.id}/comments")):
        assert Page(client.get(found)).all("link", rel="canonical", href=f"{SITE}{path}")


def test_the_map_lists_the_documents_of_the_site(client):
    pages = found(client.get("/sitemap/documents.xml"))
    assert {"/terms", "/privacy", "/refunds", "/how-it-works"} <= set(pages)
    assert {"/contact", "/licenses"} <= set(pages)
    assert set(pages) <= set(listed(client))
    assert {client.get(page).status_code for page in pages} == {200}
