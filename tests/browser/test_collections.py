"""A picture goes into a collection and out again; several own pictures are chosen at once."""

import io
import re
import secrets
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import BUYER

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


@TWO_WINDOWS
def test_a_picture_goes_into_a_new_collection_and_out_again(visit, cookies, places):
    buyer = visit(storage_state=cookies(BUYER))
    page, name = buyer.page, f"Harbours {secrets.token_hex(2)}"
    buyer.open(f"/g/{places['image']}")
    buyer.link("Add to collection").click()
    dialog = page.locator("#collect-dialog")
    expect(dialog).to_be_visible()
    buyer.field("New collection").fill(name)
    buyer.check_in_both_themes()
    dialog.get_by_role("button", name=buyer.words("Save"), exact=True).click()
    expect(dialog.get_by_text(buyer.words("Saved. This picture is in:"))).to_be_visible()
    dialog.get_by_role("link", name=name).click()

    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    expect(page.locator(f"#picture-{places['image']}")).to_be_visible()
    address = page.url
    edit = page.locator("summary").filter(has_text=buyer.words("Edit"))
    edit.click()
    buyer.field("Everyone can see this collection").check()
    buyer.check_in_both_themes()
    buyer.button("Save").click()
    expect(page.locator(".collection-opening .state")).to_have_text(buyer.words("Public"))

    visitor = visit()
    visitor.open(address)
    expect(visitor.page.get_by_role("heading", level=1, name=name)).to_be_visible()
    visitor.check_in_both_themes()

    page.locator(f"#take-out-{places['image']}").click()
    expect(page.locator(f"#picture-{places['image']}")).to_have_count(0)
    none = buyer.words.many("%(count)s picture", "%(count)s pictures", 0)
    expect(page.locator("#collection-count")).to_have_text(none)
    page.locator("summary").filter(has_text=buyer.words("Delete")).click()
    buyer.button("Delete this collection").click()
    expect(page).to_have_url(re.compile(r"/me\?state=collections$"))
    expect(page.get_by_text(name)).to_have_count(0)
    buyer.check_in_both_themes()


@TWO_WINDOWS
def test_several_own_pictures_are_chosen_shown_and_downloaded(visit, cookies, places):
    buyer = visit(storage_state=cookies(BUYER))
    page = buyer.page
    buyer.open("/me")
    selection, boxes = page.locator("#selection"), page.locator(".choose input")
    expect(selection).to_be_hidden()
    ids = [boxes.nth(place).get_attribute("value") for place in range(2)]
    for place in range(2):
        boxes.nth(place).check()
    expect(selection).to_be_visible()
    expect(selection.locator("p")).to_have_text(
        buyer.words("Selected: {count}").replace("{count}", "2")
    )
    buyer.check_in_both_themes()
    with page.expect_download() as started:
        buyer.button("Download with certificates").click()
    with zipfile.ZipFile(io.BytesIO(started.value.path().read_bytes())) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 6
    selection.get_by_role("button", name=buyer.words("Make public"), exact=True).click()
    expect(selection).to_be_hidden()  # the page is loaded again, with nothing chosen
    for each in ids:
        expect(page.locator(f"#work-{each} .state")).to_have_text(buyer.words("Public"))
    boxes.first.check()
    buyer.button("Clear selection").click()
    expect(selection).to_be_hidden()
