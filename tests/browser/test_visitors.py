"""A visitor without an account signs up, looks around, opens an image."""

import re
import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


def test_somebody_signs_up_looks_around_and_opens_an_image(visitor, inhabited):
    page, name = visitor.page, f"Sora Lim {secrets.token_hex(2)}"
    visitor.open("/")
    visitor.link("Sign in").click()
    visitor.button("Continue with Google").click()
    # The sandbox stands where Google would, and speaks English only.
    page.get_by_label("E-mail").fill(f"{secrets.token_hex(4)}@example.com")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Continue as this person").click()

    expect(page).to_have_url(f"{inhabited.site}/")
    expect(page.locator("#balance")).to_have_attribute("data-tokens", "100")
    cards = page.locator("#wall .card")
    expect(cards.first).to_be_visible()

    cards.first.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/g/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.locator('a[href^="/l/"]').click()
    expect(visitor.heading("Certificate")).to_be_visible()
    expect(page.get_by_text(visitor.words("Valid"), exact=True).first).to_be_visible()


def expect_words(page, words):
    """Wait until these words are in the first field of an order, where a script puts them."""
    chips = page.locator("#order .tags-input").first.locator(".chip")
    expect(chips).to_have_text([re.compile(rf"^\s*{re.escape(word)}\s*×?\s*$") for word in words])


@TWO_WINDOWS
def test_a_picture_leads_to_an_order_like_it_which_is_kept_over_the_sign_in(visitor, places):
    page, style = visitor.page, f"/styles/{places['style']}"
    visitor.open(f"/g/{places['image']}")
    tags = page.locator(".picture-details dd.chips [lang=en]").all_text_contents()
    visitor.button("Make one like this").click()
    expect(page).to_have_url(re.compile(rf"{style}\?like={places['image']}#generate$"))
    expect(page.locator("#generate-title")).to_be_in_viewport()
    expect_words(page, tags)
    expect(page.locator("#seed")).to_have_value("")
    expect(page.locator("#description")).to_have_value("")

    page.locator(".tags-input input").first.fill("dragon")
    page.locator("#sign-in").click()
    visitor.button("Continue with Google").click()
    page.get_by_label("E-mail").fill(f"{secrets.token_hex(4)}@example.com")
    page.get_by_label("Name").fill(f"Sora Lim {secrets.token_hex(2)}")
    page.get_by_role("button", name="Continue as this person").click()
    expect(page).to_have_url(re.compile(rf"{style}#generate$"))
    expect(page.locator("#buy")).to_be_enabled()
    expect_words(page, [*tags, "dragon"])


@TWO_WINDOWS
def test_samples_and_pictures_of_a_style_lend_their_words(visitor, places):
    page = visitor.page
    visitor.open(f"/styles/{places['style']}")
    sample = page.locator("a.sample-words").first
    # In Korean each tag is an element of its own, behind its Korean word.
    words = ", ".join(sample.locator("[lang=en]").all_text_contents()).split(", ")
    sample.click()
    expect(page).to_have_url(re.compile(rf"/styles/{places['style']}$"))  # filled in place
    expect_words(page, words)

    # Another order of the pictures leaves the form as it is.
    page.locator("#pictures-recent").click()
    expect(page.locator("#pictures-recent")).to_have_attribute("aria-current", "true")
    expect_words(page, words)
    page.locator("#pictures a.like-this").first.click()
    expect(page).to_have_url(re.compile(r"\?like=\d+#generate$"))
    expect(page.locator("#order .tags-input .chip").first).to_be_visible()


LOADED = "images => images.every(image => image.complete && image.naturalWidth > 0)"


def test_each_sample_is_compared_with_a_picture_without_the_style(visitor, places):
    page = visitor.page
    visitor.open(f"/styles/{places['style']}")
    comparison = page.locator("#comparison")
    comparison.locator("summary").click()
    expect(comparison.locator("img")).to_have_count(8)
    for image in comparison.locator("img").all():
        image.scroll_into_view_if_needed()
    page.wait_for_function(f"({LOADED})([...document.querySelectorAll('#comparison img')])")
    without = comparison.get_by_text(visitor.words("Without this style"), exact=True)
    expect(without).to_have_count(4)
    visitor.check_in_both_themes()
