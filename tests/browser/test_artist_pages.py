"""An artist writes the own page and pins a picture; others see it, and report a collection."""

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.images import encoded, scene
from tests.pages import ARTIST

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)
ABOUT = "I draw harbors in ink.\n\nMy style is made of forty of them."
BANNER = {
    "name": "banner.jpg",
    "mimeType": "image/jpeg",
    "buffer": encoded(scene(1800, 600), "JPEG"),
}


@TWO_WINDOWS
def test_an_artist_writes_a_page_and_pins_a_picture(visit, cookies, places):
    artist, address = visit(storage_state=cookies(ARTIST)), f"/users/{places['artist']}"
    page = artist.page
    artist.open("/me/settings")
    artist.link("Change banner, text, links and pinned pictures").click()
    artist.field("About your work").fill(ABOUT)
    artist.field("Address %(number)s", number=1).fill("http://example.org")
    artist.field("Name %(number)s", number=1).fill("Portfolio")
    with artist.expecting(422):
        artist.button("Save").click()
        expect(page.get_by_role("alert")).to_be_visible()
    artist.check_in_both_themes()
    artist.field("Address %(number)s", number=1).fill("https://example.org")
    page.locator("#banner").set_input_files(BANNER)
    artist.button("Save").click()
    expect(page.locator("main").get_by_role("status")).to_have_text(
        artist.words("Your artist page is saved.")
    )
    artist.check_in_both_themes()

    artist.link("See your page").click()
    page.locator(".picture-grid .pin button").first.click()
    expect(page.locator(".pinned li")).to_have_count(1)
    artist.check_in_both_themes()

    visitor = visit()
    visitor.open(address)
    for words in ABOUT.split("\n\n"):
        expect(visitor.page.get_by_text(words)).to_be_visible()
    link = visitor.page.get_by_role("link", name="Portfolio")
    expect(link).to_have_attribute("rel", "nofollow ugc noopener")
    expect(visitor.page.locator(".pinned li")).to_have_count(1)
    assert visitor.page.locator(".banner").evaluate("image => image.naturalWidth") == 1600
    visitor.check_in_both_themes()

    page.locator(".pinned .pin button").click()
    expect(page.locator(".pinned li")).to_have_count(0)
    artist.open("/me/page")
    artist.field("Remove the banner").check()
    artist.field("About your work").fill("")
    artist.field("Address %(number)s", number=1).fill("")
    artist.field("Name %(number)s", number=1).fill("")
    artist.button("Save").click()
    expect(page.locator("main").get_by_role("status")).to_be_visible()
    artist.open(address)
    expect(page.locator("main :is(.banner, .about, .artist-links)")).to_have_count(0)


@TWO_WINDOWS
def test_a_collection_on_a_profile_can_be_reported(visit, cookies, places):
    artist = visit(storage_state=cookies(ARTIST))
    page = artist.page
    artist.open(f"/users/{places['buyer']}")
    artist.check_in_both_themes()
    page.locator(f".collections a[href='/collections/{places['collection']}']").click()
    artist.link("Report this collection").click()
    dialog = page.locator("#report-dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading")).to_have_text(artist.words("Report this collection"))
    artist.check_in_both_themes()
