"""An artist shows two artworks; a visitor looks at them; the artist takes them back."""

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import ADMINISTRATOR, ARTIST
from tests.waiting import wait_for

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


def take_back(works):
    """Choose none of them."""
    for work in works.all():
        work.get_by_role("combobox").select_option("")
        work.get_by_role("textbox").fill("")


@TWO_WINDOWS
def test_an_artist_shows_artworks_and_takes_them_back(visit, cookies, places):
    artist, visitor = visit(storage_state=cookies(ARTIST)), visit()
    page, style = artist.page, f"/styles/{places['style']}"
    artist.open("/studio")
    artist.link("Artworks you show").click()
    works = page.locator(".shown .works > li")
    expect(works.first).to_be_visible()
    take_back(works)  # what the world shows
    artist.check_in_both_themes()
    works.nth(2).get_by_role("combobox").select_option("1")
    works.nth(2).get_by_role("textbox").fill("Pier at night")
    works.nth(0).get_by_role("combobox").select_option("2")
    artist.button("Save").click()
    expect(page.locator("main").get_by_role("status")).to_be_visible()
    expect(works.nth(2).get_by_role("textbox")).to_have_value("Pier at night")

    shown = visitor.page.locator("#artworks img")
    visitor.open(style)
    wait_for(lambda: visitor.page.reload() and shown.count() == 2, "two previews")
    expect(shown.first).to_have_attribute("alt", "Pier at night")
    shown.first.scroll_into_view_if_needed()
    assert 0 < shown.first.evaluate("image => image.decode().then(() => image.naturalWidth)") <= 640
    visitor.check_in_both_themes()
    shown.first.click()
    expect(visitor.page.locator(".pswp--open")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator(".pswp--open")).to_have_count(0)
    visitor.page.wait_for_function("history.state === null")  # it goes back by itself
    visitor.open(f"/users/{places['artist']}")
    expect(shown).to_have_count(2)
    visitor.check_in_both_themes()

    admin = visit(storage_state=cookies(ADMINISTRATOR))
    admin.open(f"/admin/artworks?user_id={places['artist']}")
    expect(admin.page.locator(".item")).to_have_count(2)
    admin.check_in_both_themes()

    take_back(works)
    artist.button("Save").click()
    wait_for(lambda: visitor.page.reload() and shown.count() == 0, "none to be shown")
