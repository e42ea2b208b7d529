"""Several likes are one notification, read when the picture is opened; kinds are switched off."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.talking import somebody
from tests.pages import BUYER

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


def like(visit, image, name):
    visitor, named = somebody(visit, name)
    visitor.open(image)
    button = visitor.button("Like", exact=False).first
    with visitor.page.expect_response(re.compile("/like$")):
        button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    return named


def is_clean(visitor):
    for theme in ("light", "dark"):
        visitor.wear(theme)
        assert visitor.barriers() == []
    assert not visitor.is_wider_than_its_window()


def choose(visitor, *, likes):
    """Switch the kind on or off at the settings, which say that they are saved."""
    visitor.open("/notifications/settings")
    visitor.field("Likes").set_checked(likes)
    visitor.button("Save").click()
    expect(visitor.text("Your notification settings are saved.")).to_be_visible()
    expect(visitor.field("Likes")).to_be_checked(checked=likes)


def test_likes_are_one_row_that_is_read_with_the_picture(visit, cookies, places):
    image = f"/g/{places['own_public_image']}"
    first, second = (like(visit, image, name) for name in ("Ria", "Noa"))
    owner = visit(storage_state=cookies(BUYER))
    owner.open("/notifications")
    rows = owner.page.locator(".notice-row")
    expect(rows.filter(has_text=second)).to_have_count(1)
    expect(rows.filter(has_text=first)).to_have_count(0)
    expect(rows.first).to_contain_text(second)
    expect(rows.first).to_have_class("notice-row unread")
    is_clean(owner)
    # Another like comes while the page is open: the same row is new again, on top.
    third = like(visit, image, "Mio")
    expect(rows.filter(has_text=third)).to_have_count(1)
    expect(rows.filter(has_text=second)).to_have_count(0)

    owner.open(image)
    owner.open("/notifications")
    expect(rows.filter(has_text=third)).to_have_class("notice-row")


def test_a_kind_that_is_switched_off_makes_no_notifications(visit, cookies, places):
    image = f"/g/{places['own_public_image']}"
    owner = visit(storage_state=cookies(BUYER))
    owner.open("/me/settings")
    owner.link("Choose what you are notified of").click()
    expect(owner.heading("Notification settings")).to_be_visible()
    expect(owner.field("Sales")).to_have_count(0)
    expect(owner.heading("Always on")).to_be_visible()
    is_clean(owner)

    choose(owner, likes=False)
    is_clean(owner)
    name = like(visit, image, "Zoe")
    owner.open("/notifications")
    expect(owner.page.locator(".notice-row").filter(has_text=name)).to_have_count(0)
    choose(owner, likes=True)
    assert like(visit, image, "Ida")
    owner.open("/notifications")
    expect(owner.page.locator(".notice-row.unread").first).to_be_visible()
