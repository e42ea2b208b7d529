"""A buyer buys tokens, orders and publishes an image; what happens when tokens run out."""

import re

import pytest
from playwright.sync_api import expect

from tests import making
from tests.browser.visitor import DESK
from webapp.domain.services import packages
from webapp.embedded.cast import ARTISTS

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

PRICE = ARTISTS[0].price_tokens
WORDS = ("castle", "hills", "sunset")
MAKING_MS = 180_000


@pytest.fixture
def buyer(visitor):
    """Somebody new, with the hundred tokens that everybody starts with."""
    visitor.sign_up()
    return visitor


@pytest.fixture
def style_page(places):
    return f"/styles/{places['style']}"


def buy_tokens(visitor):
    """Choose the smallest package and pay for it at the sandbox."""
    package = packages.PACKAGES[0]
    visitor.button("Buy %(count)s tokens", count=f"{package.amount_tokens:,}").click()
    visitor.button("Pay ₩%(price)s", price=f"{package.total_price:,}").click()
    # The sandbox stands where the provider would, and speaks English only.
    visitor.page.get_by_role("button", name="Pay", exact=True).click()
    expect(visitor.text("Thank you. Your tokens have been added.")).to_be_visible()


def fill_in(visitor, *, count):
    """Say what is to be drawn, and how often."""
    for word in WORDS:
        visitor.add_tag(word)
    visitor.page.get_by_role("radio", name=str(count), exact=True).check()


def order_button(visitor, count):
    message = "Make %(count)s pictures · %(total)s tokens"
    return visitor.button(message, count=count, total=count * PRICE)


def test_a_buyer_pays_sees_three_images_arrive_shows_one_and_finds_all_in_the_ledger(
    buyer, style_page, service
):
    page = buyer.page
    buyer.open("/wallet")
    buy_tokens(buyer)
    expect(page.locator("#balance")).to_have_text("200")

    buyer.open(style_page)
    fill_in(buyer, count=3)
    order_button(buyer, 3).click()
    arrived = page.locator("#tiles .tile.completed")
    expect(arrived).to_have_count(3, timeout=MAKING_MS)
    expect(page.locator("#unread")).to_be_hidden()  # the buyer saw them arrive
    expect(page.locator("#balance")).to_have_text(str(200 - 3 * PRICE))

    arrived.first.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/g/\d+$"))
    image = page.url.removeprefix(service.site)
    buyer.button("Make public").click()
    expect(buyer.text("Everyone can see it.")).to_be_visible()
    buyer.open("/")
    expect(page.locator(f'#wall a[href="{image}"]').first).to_be_visible()

    buyer.open("/wallet")
    moves = page.locator(".transactions .transaction")
    expect(moves.filter(has_text=f"−{PRICE}")).to_have_count(3)
    expect(moves.filter(has_text="+100")).to_have_count(2)  # the welcome and the package


def test_too_few_tokens_lead_to_the_wallet_and_back_to_the_form_as_it_was(
    buyer, style_page, service
):
    page = buyer.page
    leave_tokens(service, PRICE)
    buyer.open(style_page)
    fill_in(buyer, count=4)
    with buyer.expecting(402):
        order_button(buyer, 4).click()
        dialog = page.get_by_role("dialog", name=buyer.words("Not enough tokens"))
        expect(dialog).to_be_visible()
    buyer.button("Buy tokens").click()
    buy_tokens(buyer)
    buyer.button("Back to the previous page").click()

    expect(page).to_have_url(re.compile(f"{style_page}$"))
    for word in WORDS:
        expect(buyer.button("Remove %(tag)s", tag=word)).to_be_visible()
    expect(page.get_by_role("radio", name="4", exact=True)).to_be_checked()
    order_button(buyer, 4).click()
    expect(page.locator("#tiles .tile")).to_have_count(4)


def leave_tokens(stack, tokens):
    """Let whoever joined last have spent all but some of the welcome."""
    with stack.session() as session:
        person_id = session.scalar(making.text("SELECT max(id) FROM users"))
        making.take_tokens(session, person_id, 100 - tokens)


@pytest.mark.parametrize("size,language", [(DESK, "en")])
def test_enter_buys_nothing_and_the_button_only_what_the_buyer_does_not_own(buyer, style_page):
    page = buyer.page
    buyer.open(style_page)
    field = page.locator(".tags-input input").first
    field.type("castle, dragon,")
    expect(unknown(buyer, "dragon")).to_be_visible()
    page.locator("#order summary").click()
    page.locator("#seed").fill("7")
    for each in (
        field,
        page.locator("#negative"),
        page.locator("#seed"),
        page.locator("#description"),
    ):
        each.press("Enter")
    buyer.settle()
    expect(page.locator("#tiles .tile")).to_have_count(0)

    buyer.button("Remove %(tag)s", tag="dragon").click()
    expect(unknown(buyer, "dragon")).to_be_hidden()
    buyer.button("Make 1 picture · %(total)s tokens", total=PRICE).click()
    expect(page.locator("#tiles .tile.completed")).to_have_count(1, timeout=MAKING_MS)

    buyer.link("Use these tags").click()
    expect(page.locator("#seed")).to_have_value("")
    expect(page.locator("#owned")).to_be_hidden()
    buyer.link("Same picture again").click()
    expect(page.locator("#seed")).to_have_value("7")
    expect(page.locator("#owned")).to_be_visible()
    with buyer.expecting(409):
        buyer.button("Make 1 picture · %(total)s tokens", total=PRICE).click()
        expect(page.locator("#owned")).to_be_focused()
    expect(page.locator("#balance")).to_have_text(str(100 - PRICE))
    buyer.button("Make it again · %(total)s tokens", total=PRICE).click()
    expect(page.locator("#tiles .tile")).to_have_count(2)
    expect(page.locator("#balance")).to_have_text(str(100 - 2 * PRICE))


@pytest.mark.parametrize("size", [DESK])
def test_words_typed_a_moment_before_the_button_are_named_before_they_are_bought(buyer, style_page):
    page = buyer.page
    buyer.open(style_page)
    page.locator(".tags-input input").first.type("castle, wyvern")
    page.keyboard.press("Control+Enter")
    expect(unknown(buyer, "wyvern")).to_be_focused()
    expect(page.locator("#tiles .tile")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#tiles .tile")).to_have_count(1)

    page.reload()  # the form is as it was
    buyer.button("Remove %(tag)s", tag="castle").click()
    page.locator(".tags-input input").first.type("dragon,")
    with buyer.expecting(422):
        buyer.button("Make 1 picture · %(total)s tokens", total=PRICE).click()
        expect(page.locator("#problem")).to_contain_text("wyvern, dragon")
        expect(page.locator("#problem li")).to_have_count(1)
    for word in ("wyvern", "dragon"):
        expect(buyer.button("Remove %(tag)s", tag=word)).to_be_visible()
    expect(page.locator("#balance")).to_have_text(str(100 - PRICE))


def unknown(visitor, tags):
    message = "New to this style and the base model; may not be recognised: %(tags)s"
    return visitor.text(message, tags=tags)


@pytest.mark.parametrize("size,language", [(DESK, "en")])
def test_the_way_of_a_buyer_needs_no_mouse(buyer, style_page):
    page = buyer.page
    buyer.open(style_page)
    reach(page, page.locator(".tags-input input").first)
    for word in WORDS:
        page.keyboard.type(word)
        page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    arrived = page.locator("#tiles .tile.completed")
    expect(arrived).to_have_count(1, timeout=MAKING_MS)
    reach(page, arrived.get_by_role("link").first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/g/\d+$"))
    reach(page, buyer.button("Make public"))
    page.keyboard.press("Enter")
    expect(buyer.text("Everyone can see it.")).to_be_visible()


def reach(page, wanted):
    """Go there with Tab alone."""
    for _ in range(100):
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")
