"""A style sells two licences at two prices, and a buyer chooses; lists are filtered."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import ARTIST
from webapp.embedded.cast import ARTISTS, MINA
from webapp.embedded.person import Person

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)
MAKING_MS = 180_000
PERSONAL, COMMERCIAL = ARTISTS[0].price_tokens, 30


@pytest.fixture
def style_page(places, service):
    """A style with one price, before and after."""
    with Person(service.site, MINA).sign_in() as artist:
        path = f"/styles/{places['style']}"
        artist.patch(path, json={"prices": {"personal": PERSONAL}})
        yield path
        artist.patch(path, json={"prices": {"personal": PERSONAL}})


@TWO_WINDOWS
def test_an_artist_adds_a_commercial_price_and_a_buyer_chooses_it(visit, cookies, style_page):
    artist = visit(storage_state=cookies(ARTIST))
    artist.open(style_page)
    artist.page.locator("#terms summary").click()
    field = artist.page.locator("#terms-commercial")
    field.fill(str(PERSONAL - 1))
    with artist.expecting(422):
        artist.page.locator("#terms").get_by_role("button", name=artist.words("Save")).click()
        expect(field).to_have_attribute("aria-invalid", "true")
    artist.check_in_both_themes()
    field.fill(str(COMMERCIAL))
    said = artist.page.locator("#terms [data-worth]")
    expect(said).to_contain_text(f"{artist.words('Commercial licence')}: ")
    worth = COMMERCIAL * int(said.get_attribute("data-worth"))
    expect(said).to_contain_text(f"{worth:,}")
    artist.page.locator("#terms").get_by_role("button", name=artist.words("Save")).click()
    expect(artist.text("Saved. Existing orders keep their price and licence.")).to_be_visible()
    artist.open("/studio")
    expect(artist.page.locator("#studio-commercial")).to_have_value(str(COMMERCIAL))
    artist.check_in_both_themes()

    visitor = visit()
    visitor.open(style_page)
    visitor.page.get_by_role("radio", name=visitor.words("Commercial licence")).check()
    expect(visitor.page.locator("#sign-in")).to_have_text(
        visitor.words("Sign in to make a picture · %(price)s tokens", price=COMMERCIAL)
    )
    visitor.check_in_both_themes()

    buyer = visit()
    page = buyer.page
    buyer.sign_up(then=style_page)
    button = page.locator("#buy")
    message = "Make 1 picture · %(total)s tokens"
    expect(button).to_have_text(buyer.words(message, total=PERSONAL))
    page.get_by_role("radio", name=buyer.words("Commercial licence")).check()
    expect(button).to_have_text(buyer.words(message, total=COMMERCIAL))
    buyer.check_in_both_themes()
    buyer.add_tag("castle")
    button.click()
    done = page.locator("#tiles .tile.completed")
    expect(page.locator("#tiles .tile").first).to_be_in_viewport()
    expect(done).to_have_count(1, timeout=MAKING_MS)
    expect(page.locator("#balance")).to_have_text(str(100 - COMMERCIAL))
    done.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/g/\d+$"))
    expect(page.get_by_text(buyer.words("Commercial licence"), exact=True)).to_be_visible()
    buyer.check_in_both_themes()
    page.locator(".picture-details a[href^='/l/']").first.click()
    expect(page.locator("main")).to_contain_text(buyer.words("Commercial licence"))


@TWO_WINDOWS
def test_styles_are_filtered_by_price_and_the_gallery_by_shape(visit, style_page):
    visitor = visit()
    page = visitor.page
    cards = page.locator(f"a.mat[href='{style_page}']")
    visitor.open("/styles")
    expect(cards).to_have_count(1)
    visitor.field("Highest price, in tokens").fill(str(PERSONAL))
    visitor.button("Filter").click()
    expect(page).to_have_url(re.compile(f"max_price={PERSONAL}"))
    expect(cards).to_have_count(1)
    visitor.check_in_both_themes()
    visitor.field("Highest price, in tokens").fill(str(PERSONAL - 1))
    visitor.button("Filter").click()
    expect(cards).to_have_count(0)
    page.locator(".chip.chosen").click()
    expect(cards).to_have_count(1)

    visitor.open("/")
    everything = page.locator("#wall .card").count()
    visitor.link("Portrait").click()
    expect(page).to_have_url(re.compile("aspect_ratio=1%3A2"))
    visitor.check_in_both_themes()
    assert page.locator("#wall .card").count() <= everything
    page.locator(".chip.chosen").click()
    expect(page.locator("#wall .card")).to_have_count(everything)
