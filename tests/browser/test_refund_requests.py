"""A buyer asks for a refund in the wallet; an administrator declines it once, then makes it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import ADMINISTRATOR
from webapp.domain.services import packages

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)
PACKAGE = packages.PACKAGES[0]
WHY = "The wrong package."


def buy(buyer):
    """Buy the smallest package; return the row of the payment."""
    buyer.button("Buy %(count)s tokens", count=f"{PACKAGE.amount_tokens:,}").click()
    buyer.button("Pay ₩%(price)s", price=f"{PACKAGE.total_price:,}").click()
    # The sandbox speaks English only.
    buyer.page.get_by_role("button", name="Pay", exact=True).click()
    expect(buyer.text("Thank you. Your tokens have been added.")).to_be_visible()
    return buyer.page.locator(".purchases li").first


def ask(buyer, payment, label):
    """Open the form below a payment and send it."""
    payment.locator("summary").filter(has_text=buyer.words(label)).click()
    buyer.field("Reason (optional)").fill(WHY)
    buyer.check_in_both_themes()
    buyer.button("Request refund").click()
    expect(payment).to_contain_text(buyer.words("Refund requested"))


def the_request(admin):
    """Open the only request that administrators find."""
    admin.open("/admin")
    waiting = admin.page.locator(".waiting a[href='/admin/payments']").first
    expect(waiting).to_have_text(f"{admin.words('Refunds requested')} 1")
    waiting.click()
    item = admin.page.locator(".item")
    expect(item).to_have_count(1)
    expect(item).to_contain_text(WHY)
    return item


@TWO_WINDOWS
def test_a_refund_is_asked_for_declined_and_made(visit, cookies):
    buyer = visit()
    buyer.sign_up(then="/wallet")
    payment = buy(buyer)
    ask(buyer, payment, "Ask for a refund")
    buyer.check_in_both_themes()
    payment.get_by_role("button", name=buyer.words("Withdraw")).click()
    expect(payment).not_to_contain_text(buyer.words("Refund requested"))
    ask(buyer, payment, "Ask for a refund")

    admin = visit(storage_state=cookies(ADMINISTRATOR))
    item = the_request(admin)
    admin.check_in_both_themes()
    item.locator("summary").click()
    form = item.locator("details[open] form")
    admin.check_in_both_themes()
    reason = form.get_by_label(admin.words("Reason (for the buyer and the log)"))
    reason.fill("Please ask again.")
    form.get_by_role("button", name=admin.words("Decline"), exact=True).click()
    expect(item.get_by_role("status")).to_have_text(
        admin.words("Declined. The buyer was notified.")
    )
    buyer.open("/wallet")
    expect(payment).to_contain_text("Please ask again.")
    buyer.check_in_both_themes()

    ask(buyer, payment, "Ask for a refund again")
    the_request(admin).get_by_role("link", name=admin.words("Refund…")).click()
    expect(admin.page.locator("blockquote")).to_have_text(WHY)
    admin.check_in_both_themes()
    admin.page.get_by_label(admin.words("Reason (for the log)")).fill("Asked for.")
    admin.page.get_by_role("button", name=admin.words("Refund"), exact=True).click()
    expect(admin.page).to_have_url(re.compile("done=refunded"))

    buyer.open("/wallet")
    expect(payment.locator(".state")).to_have_text(buyer.words("Refunded"))
    expect(payment.locator("form")).to_have_count(0)
    admin.open("/admin/payments")
    expect(admin.text("No refund requests.")).to_be_visible()
