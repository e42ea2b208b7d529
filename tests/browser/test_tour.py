"""The first visit: three steps from the gallery to an own picture, by the links of the tour."""

import re
import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import EVERYWHERE, PHONE

# The first test waits for the whole stack and its world.
pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("inhabited")]

MAKING_MS = 180_000
HIGHEST_SHARE = 0.5  # of the window of a phone that the tour may take


@pytest.fixture
def newcomer(visitor):
    visitor.sign_up()
    return visitor


def tour(visitor, step):
    title = visitor.words("First steps: %(step)s of 3", step=step)
    return visitor.page.get_by_role("region", name=title)


@EVERYWHERE
def test_a_newcomer_is_led_from_a_picture_to_an_order_and_to_its_licence(newcomer, size):
    page = newcomer.page
    expect(tour(newcomer, 1)).to_be_visible()
    tokens = newcomer.words.many("%(count)s token is yours.", "%(count)s tokens are yours.", 100)
    expect(page.get_by_text(tokens)).to_be_visible()
    newcomer.check_in_both_themes()
    if size == PHONE:
        assert tour(newcomer, 1).bounding_box()["height"] < HIGHEST_SHARE * size[1]
    newcomer.link("Next: order one like the first").click()

    expect(tour(newcomer, 2)).to_be_visible()
    expect(page.get_by_text(tokens)).to_have_count(0)
    newcomer.check_in_both_themes()
    newcomer.link("To the order form").click()
    expect(page).to_have_url(re.compile(r"/styles/\d+\?like=\d+#generate$"))
    expect(tour(newcomer, 2)).to_have_count(1)
    newcomer.check_in_both_themes()

    page.locator("#buy").click()
    made = page.locator("#tiles .tile.completed")
    expect(made).to_have_count(1, timeout=MAKING_MS)
    newcomer.link("Next: your finished picture").click()
    made.get_by_role("link").first.click()

    expect(tour(newcomer, 3)).to_be_visible()
    newcomer.check_in_both_themes()
    tour(newcomer, 3).get_by_role("link", name=newcomer.words("To the download")).click()
    expect(page.locator("#picture-actions")).to_be_in_viewport()
    newcomer.link("Licence and certificate").click()
    expect(newcomer.heading("Certificate")).to_be_visible()

    newcomer.open("/")
    newcomer.link("To your picture").click()
    tour(newcomer, 3).get_by_role("button").click()
    expect(page.locator(".tour")).to_have_count(0)
    newcomer.open("/")
    expect(page.locator(".tour")).to_have_count(0)


def test_the_tour_is_skipped_by_keyboard_and_is_on_no_other_device(visit):
    here, there, email = visit(), visit(), f"{secrets.token_hex(4)}@example.com"
    here.sign_in(email)
    there.sign_in(email)
    expect(there.page.locator("#balance")).to_be_attached()
    expect(there.page.locator(".tour")).to_have_count(0)

    here.page.locator("#main").focus()
    for _ in range(4):  # pictures, styles, the next step, the button
        here.page.keyboard.press("Tab")
    expect(here.page.locator(".tour button")).to_be_focused()
    here.page.keyboard.press("Enter")
    expect(here.page.locator(".tour")).to_have_count(0)
