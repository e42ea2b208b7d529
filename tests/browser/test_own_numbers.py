"""An artist reads the statistics of a style, and somebody downloads a copy of their data."""

import json
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.talking import somebody
from tests.pages import ARTIST

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
COUNTED_SECONDS, MADE_SECONDS = 10, 90


def views(artist):
    return int(artist.page.locator(".numbers dd").first.inner_text().replace(",", ""))


def test_an_artist_sees_how_often_a_style_was_opened_and_ordered(visit, cookies, places):
    artist = visit(storage_state=cookies(ARTIST))
    artist.open("/studio")
    artist.link("Statistics").first.click()
    expect(artist.heading("Statistics")).to_be_visible()
    before = views(artist)
    stranger = visit(user_agent=f"{FIREFOX} {id(artist)}")
    stranger.open(f"/styles/{places['style']}")
    for _ in range(COUNTED_SECONDS):  # it is counted after it was sent
        artist.page.reload()
        if views(artist) > before:
            break
        artist.page.wait_for_timeout(1000)
    assert views(artist) == before + 1
    expect(artist.page.locator(".chart svg")).to_have_count(2)
    artist.check_in_both_themes()
    artist.text("Show as a table").click()
    expect(artist.page.locator("tbody tr")).to_have_count(30)
    artist.check_in_both_themes()
    artist.page.locator(".periods a").first.click()
    artist.text("Show as a table").click()
    expect(artist.page.locator("tbody tr")).to_have_count(7)
    with artist.page.expect_download() as csv:
        artist.link("Download as CSV").click()
    assert csv.value.suggested_filename.endswith("-7-days.csv")


def test_somebody_downloads_a_copy_of_their_data(visit):
    visitor, name = somebody(visit, "Rin")
    visitor.open("/me/settings")
    with visitor.page.expect_navigation():
        visitor.button("Make a copy of my data").click()
    download = visitor.page.locator("a[href='/me/data-export/file']")
    for _ in range(MADE_SECONDS):
        if download.count():
            break
        visitor.page.wait_for_timeout(1000)
        visitor.page.reload()
    visitor.check_in_both_themes()
    with visitor.page.expect_download() as archive:
        download.click()
    with zipfile.ZipFile(archive.value.path()) as opened:
        [profile] = json.loads(opened.read("profile.json"))
        assert profile["email"] == f"{name}@example.com"
    visitor.open("/notifications")
    visitor.page.locator("a[href='/me/settings#data-title']").first.click()
    expect(visitor.heading("Your data")).to_be_visible()
