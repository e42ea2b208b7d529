import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy.exc import OperationalError

from tests import making
from tests.pages import MOST_STATEMENTS, PAGES
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.queries import feed as feed_queries

STATIC = Path(__file__).parents[3] / "webapp/static"
FIRST_PAGE_BYTES = 200_000


@pytest.fixture
def shown(session, storage, style, ordered, finish):
    """A site with one public picture, one that trains and one that failed."""
    style.sample_keys = ["samples/1.png"]
    image = finish(ordered, is_public=True)
    making.order(session, image_owner(session, image), style)
    run = making.training(session, storage, step="train_style")
    session.commit()
    return {"style": style, "image": image, "training": run.style_id}


def image_owner(session, image):
    return session.get(User, image.user_id)


def addresses(shown):
    return [
        "/",
        "/?sort=popular&tags=boat",
        "/login",
        "/login?error=access_denied",
        "/styles",
        "/styles?q=boat",
        f"/styles/{shown['style'].id}",
        f"/users/{shown['style'].artist_id}",
        f"/g/{shown['image'].id}",
        f"/l/{shown['image'].license_public_id}",
        "/nowhere",
    ]


@pytest.fixture
def people(client, buyer_client, artist_client):
    return {"visitor": client, "user": buyer_client, "artist": artist_client}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("who", ["visitor", "user", "artist"])
def test_every_page_opens_for_everyone_in_both_languages(people, who, language, shown):
    for address in addresses(shown):
        answer = people[who].get(address, headers={"Accept-Language": language})
        moved = who != "visitor" and address.startswith("/login")
        expected = 404 if address == "/nowhere" else 302 if moved else 200
        assert (address, answer.status_code) == (address, expected)
        if moved:
            continue
        page = Page(answer)
        assert page.all("html")[0]["lang"] == language
        assert page.own_code() == []
        assert len(page.all("h1")) == 1
        assert "{" not in page.text
        assert all(image.get("alt") is not None for image in page.all("img"))
        assert all({"width", "height"} <= image.keys() for image in page.all("img"))


@pytest.mark.parametrize(
    "who, studio",
    [("visitor", "/become-artist"), ("user", "/become-artist"), ("artist", "/studio")],
)
def test_the_frame_leads_everywhere(people, who, studio):
    page = Page(people[who].get("/"))
    places = {"/", "/styles", studio}
    own = {"/wallet", "/notifications", "/me"}
    assert places <= set(page.links())
    assert bool(own & set(page.links())) == (who != "visitor")
    assert {"/studio", "/become-artist"} - {studio} - set(page.links())
    assert "/admin" not in page.links()


def test_only_administrators_are_led_to_their_desk(sign_in, session):
    page = Page(sign_in(making.user(session, role="admin")).get("/"))
    assert "/admin" in page.links()


def test_pages_forbid_what_is_not_theirs(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy


def test_what_differs_by_person_is_never_shared(buyer_client):
    headers = buyer_client.get("/").headers
    assert "private" in headers["Cache-Control"]
    assert "Cookie" in headers["Vary"]


def test_the_first_page_is_small(client):
    answer = client.get("/")
    page = Page(answer)
    asked_for = {each["href"] for each in page.all("link")} | {
        each["src"] for each in page.all("script")
    }
    # the icons and the manifest of a home screen, and the feed, are asked for later if at all
    files = [each for each in asked_for if each.startswith("/static/")]
    total = len(answer.data) + sum(
        (STATIC / urlsplit(each).path.removeprefix("/static/")).stat().st_size for each in files
    )
    assert total < FIRST_PAGE_BYTES


def test_every_file_a_page_asks_for_exists(client, buyer_client, artist_client, shown):
    asked = set()
    pages = [*addresses(shown), f"/styles/{shown['training']}", "/become-artist"]
    pages += ["/studio", "/studio/new", "/studio/signature"]
    pages += ["/wallet", "/notifications", "/me", "/me/settings", "/me/leave"]
    for who in (client, buyer_client, artist_client):
        for address in pages:
            page = Page(who.get(address, follow_redirects=True))
            asked |= {each["href"] for each in page.all("link")}
            asked |= {each["src"] for each in page.all("script") if "src" in each}
    missing = [each for each in asked if client.get(each).status_code != 200]
    assert asked
    assert missing == []


def test_modules_import_only_files_that_exist():
    for module in (STATIC / "js").glob("*.js"):
        for target in re.findall(r"""(?:from|import\()\s*"(\.[^"]+)\"""", module.read_text()):
            assert (module.parent / target).is_file(), f"{module.name} imports {target}"


def test_every_vendored_library_brings_its_licence():
    for folder in (STATIC / "vendor").iterdir():
        assert list(folder.glob("LICENSE*")), folder.name


def test_no_page_asks_the_database_more_with_more_to_show(session, buyer_client, shown, buyer):
    making.ledger.grant(session, buyer.id, 1000, key="for many pictures")
    for address in addresses(shown):
        with statements(session) as before:
            buyer_client.get(address)
        making.order(session, buyer, shown["style"], count=4)
        session.commit()
        with statements(session) as after:
            buyer_client.get(address)
        assert len(after) == len(before), address
        assert len(after) <= MOST_STATEMENTS, address


def test_an_unknown_address_is_a_page_for_people_and_json_for_machines(client):
    assert "text/html" in client.get("/nowhere").headers["Content-Type"]
    answer = client.get("/api/v1/nowhere")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "NOT_FOUND")


def test_a_cursor_of_another_list_is_told_in_words(client):
    answer = client.get("/?cursor=xyz")
    assert answer.status_code == 422
    assert Page(answer).all("h1")


def test_a_failure_of_ours_is_a_page_that_needs_no_database(buyer_client, monkeypatch):
    def fall(*_args, **_options):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(feed_queries, "pictures", fall)
    answer = buyer_client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "person" not in Page(answer).text


def test_a_database_that_is_away_is_told_as_such(client, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(feed_queries, "pictures", away)
    assert client.get("/").status_code == 503


# Pieces of pages, files, and addresses that lead on; what is compared there needs a provider.
NO_PAGES = {
    *("/g/tiles", "/g/0/comments", "/me/works", "/styles/0/training", "/training"),
    *("/robots.txt", "/sitemap.xml", "/sitemap/0-0.xml", "/apple-touch-icon.png"),
    *("/favicon.ico", "/site.webmanifest", "/styles/0/cover", "/users/0/cover"),
    *("/feed.xml", "/styles/0/feed.xml", "/users/0/feed.xml", "/collections"),
    "/sitemap/documents.xml",
    *("/wallet/statements/0.csv", "/wallet/statements/0.pdf"),
    *("/studio/styles/0/statistics.csv", "/me/data-export/file"),
    *("/wallet/ledger.csv", "/admin/payments/compare", "/l/0.pdf"),
    *("/styles/new", "/tokens", "/tokens/purchase/0/pay"),
    "/unsubscribe/0/0",  # its link is in a mail: tests/browser/test_mail_digests.py
}


def test_every_page_is_in_the_list_of_what_is_checked_and_photographed(app):
    def bare(address):
        return re.sub(r"<[^>]*>|{[^}]*}|(job|V)_\w+", "0", address.partition("?")[0])

    listed = {bare(page.address) for page in PAGES}
    kinds = ("styles", "images", "comments", "tags", "collections", "artworks")
    works = {f"/admin/{name}" for name in kinds}
    assert works <= listed
    found = {
        bare(rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.") and "GET" in rule.methods
    }
    assert found - {"/admin/0"} - NO_PAGES == listed - works - {"/nowhere"}
