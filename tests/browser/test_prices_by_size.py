"""A larger picture costs more: the price follows the choice of a size, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import DESK, TWO_WINDOWS
from webapp.domain.models.generation import AspectRatio
from webapp.domain.prices import price_for_size
from webapp.embedded.cast import ARTISTS

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)
MAKING_MS = 180_000
SQUARE, PORTRAIT, LARGE = (
    price_for_size(ARTISTS[0].price_tokens, each)
    for each in (AspectRatio.SQUARE, AspectRatio.PORTRAIT, AspectRatio.LARGE_SQUARE)
)
ONE, MANY = "Make 1 picture · %(total)s tokens", "Make %(count)s pictures · %(total)s tokens"


@pytest.fixture
def style_page(places):
    return f"/styles/{places['style']}"


def size_of(page, ratio):
    return page.locator(f"input[name=aspect_ratio][value='{ratio}']")


@TWO_WINDOWS
def test_the_price_follows_the_size_and_is_what_is_paid(visit, style_page):
    visitor = visit()
    visitor.open(style_page)
    sign_in = "Sign in to make a picture · %(price)s tokens"
    for ratio, price in (("2:2", LARGE), ("1:2", PORTRAIT), ("1:1", SQUARE)):
        size_of(visitor.page, ratio).check()
        expect(visitor.page.locator("#sign-in")).to_have_text(visitor.words(sign_in, price=price))
    visitor.check_in_both_themes()

    buyer = visit()
    page = buyer.page
    buyer.sign_up(then=style_page)
    button = page.locator("#buy")
    expect(button).to_have_text(buyer.words(ONE, total=SQUARE))
    size_of(page, "1:2").check()
    expect(button).to_have_text(buyer.words(ONE, total=PORTRAIT))
    page.get_by_role("radio", name="2", exact=True).check()
    expect(button).to_have_text(buyer.words(MANY, count=2, total=2 * PORTRAIT))
    buyer.check_in_both_themes()
    buyer.add_tag("castle")
    button.click()
    done = page.locator("#tiles .tile.completed")
    expect(done).to_have_count(2, timeout=MAKING_MS)
    expect(page.locator("#balance")).to_have_text(str(100 - 2 * PORTRAIT))
    done.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/g/\d+$"))
    expect(page.locator("main")).to_contain_text(
        buyer.words.many("%(count)s token", "%(count)s tokens", PORTRAIT)
    )


@TWO_WINDOWS
def test_too_few_tokens_for_large_pictures_offer_as_many_as_can_be_paid(visit, style_page):
    buyer = visit()
    page = buyer.page
    buyer.sign_up(then=style_page)
    buyer.add_tag("castle")
    size_of(page, "2:2").check()
    page.get_by_role("radio", name="4", exact=True).check()
    with buyer.expecting(402):
        page.locator("#buy").click()
        buyer.button("Make only %(count)s", count=100 // LARGE).click()
    total = 100 // LARGE * LARGE
    expect(page.locator("#buy")).to_have_text(buyer.words(MANY, count=100 // LARGE, total=total))


@pytest.mark.parametrize("size,language", [(DESK, "en")])
def test_a_price_that_changed_meanwhile_is_shown_for_every_size(visit, style_page, at_a_price):
    buyer = visit()
    page = buyer.page
    buyer.sign_up(then=style_page)
    buyer.add_tag("castle")
    size_of(page, "2:2").check()
    at_a_price(SQUARE + 1)
    with buyer.expecting(409):
        page.locator("#buy").click()
        expect(page.locator("#problem")).to_contain_text("The price has changed.")
    expect(page.locator("#buy")).to_have_text(buyer.words(ONE, total=LARGE + 4))
    shown = page.locator(".ratios .money")
    expect(shown).to_have_text([f"{each} tokens" for each in (SQUARE + 1, LARGE + 4, PORTRAIT + 2)])
    page.locator("#buy").click()
    expect(page.locator("#tiles .tile")).to_have_count(1)
    expect(page.locator("#balance")).to_have_text(str(100 - LARGE - 4))


@TWO_WINDOWS
def test_without_scripts_the_total_is_shown_before_it_is_charged(visit, style_page):
    person = visit()
    person.sign_up()
    plain = visit(java_script_enabled=False, storage_state=person.page.context.storage_state())
    page = plain.page
    plain.open(style_page)
    page.locator("#prompt").fill("castle")
    size_of(page, "2:2").check()
    page.locator("#buy").click()
    button = page.locator("#buy")
    expect(button).to_have_text(plain.words(ONE, total=LARGE))
    expect(page.locator("#tiles .tile")).to_have_count(0)
    button.click()
    expect(page.locator("#tiles .tile")).to_have_count(1)
    person.open("/wallet")
    expect(person.page.locator("#balance")).to_have_text(str(100 - LARGE))
