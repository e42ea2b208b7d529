"""Tokens are bought, refunded and made available, and each page says what happens to them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import ADMINISTRATOR, ARTIST
from webapp.domain.services import packages

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)
PACKAGE = packages.PACKAGES[0]


def balances(visitor):
    """The available and the earned tokens at the top of the wallet."""
    labels = {visitor.words(each): each for each in ("Available", "Earned with your styles")}
    rows = [row.inner_text().split("\n") for row in visitor.page.locator(".balances div").all()]
    return {labels[row[0]]: int(row[-1].replace(",", "")) for row in rows if row[0] in labels}


@TWO_WINDOWS
def test_a_purchase_is_paid_and_refunded_by_an_administrator(visit, cookies):
    buyer = visit()
    buyer.sign_up(then="/wallet")
    before = balances(buyer)["Available"]
    amount, price = f"{PACKAGE.amount_tokens:,}", f"{PACKAGE.total_price:,}"
    buyer.button("Buy %(count)s tokens", count=amount).click()
    expect(buyer.heading("Pay")).to_be_visible()
    expect(buyer.page.locator("dl .money")).to_have_text(f"₩{price}")
    buyer.check_in_both_themes()
    number = buyer.page.locator("dl .code").inner_text()
    buyer.button("Pay ₩%(price)s", price=price).click()
    # The sandbox speaks English only.
    buyer.page.get_by_role("button", name="Pay", exact=True).click()
    expect(buyer.text("Thank you. Your tokens have been added.")).to_be_visible()
    assert balances(buyer)["Available"] == before + PACKAGE.amount_tokens

    admin = visit(storage_state=cookies(ADMINISTRATOR))
    admin.open(f"/admin/payments/{number}")
    admin.check_in_both_themes()
    admin.link("Refund…").click()
    expect(admin.page.locator(".effects li")).to_have_count(2)
    expect(admin.page.locator(".effects")).to_contain_text(f"₩{price}")
    admin.check_in_both_themes()
    admin.page.get_by_label(admin.words("Reason (for the log)")).fill("Bought by mistake.")
    admin.page.get_by_role("button", name=admin.words("Refund"), exact=True).click()
    expect(admin.page).to_have_url(re.compile("done=refunded"))
    admin.check_in_both_themes()

    buyer.open("/wallet")
    assert balances(buyer)["Available"] == before
    expect(buyer.page.locator(".rows .state").first).to_have_text(buyer.words("Refunded"))


@TWO_WINDOWS
def test_earned_tokens_are_made_available_for_pictures(visit, cookies):
    artist = visit(storage_state=cookies(ARTIST))
    artist.open("/wallet")
    before = balances(artist)
    amount = artist.field("Earned tokens to make available")
    expect(amount).to_have_value("")
    amount.fill("1")
    artist.check_in_both_themes()
    artist.button("Make available").click()
    available = before["Available"] + 1
    message = "%(count)s token is available now.", "%(count)s tokens are available now."
    said = artist.words.many(*message, available)
    expect(artist.page.get_by_text(said, exact=True)).to_be_visible()
    expect(artist.page.locator("#balance")).to_have_text(f"{available:,}")
    assert balances(artist) == {
        "Available": before["Available"] + 1,
        "Earned with your styles": before["Earned with your styles"] - 1,
    }
