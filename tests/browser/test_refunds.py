"""An administrator refunds a delivered picture: first its effects, then the tokens and the log."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS
from tests.pages import ADMINISTRATOR
from webapp.embedded.cast import JUN

# The first test waits for the whole stack and its world.
pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("inhabited")]
REASON = "The buyer reported a damaged file."


def available(visitor):
    """The available tokens at the top of the wallet."""
    visitor.open("/wallet")
    return int(visitor.page.locator(".balances dd").first.inner_text().replace(",", ""))


@TWO_WINDOWS
def test_a_delivered_picture_is_refunded_and_its_buyer_keeps_it(visit, cookies, service):
    buyer = visit()
    buyer.sign_in(JUN)
    before = available(buyer)

    admin = visit(storage_state=cookies(ADMINISTRATOR))
    admin.open(f"/admin/images?person={JUN}")
    admin.link("Refund…").first.click()
    expect(admin.heading("Effects")).to_be_visible()
    picture = int(admin.page.locator("input[name=generation_id]").input_value())
    price = service.value("SELECT price_tokens FROM generations WHERE id = :id", id=picture)
    kept = "The buyer keeps the picture and its licence; you can revoke the licence under Pictures."
    expect(admin.page.locator(".effects li").first).to_contain_text(f"{before + price:,}")
    expect(admin.page.locator(".effects")).to_contain_text(admin.words(kept))
    admin.check_in_both_themes()
    admin.field("Reason (for the log)").fill(REASON)
    admin.button("Refund").click()
    expect(admin.page).to_have_url(re.compile("done=refunded"))
    expect(admin.heading("Picture %(number)s is refunded", number=picture)).to_be_visible()
    expect(admin.button("Refund")).to_have_count(0)
    admin.check_in_both_themes()
    admin.open("/admin/refund")
    expect(admin.page.locator(".calm tbody tr").first).to_contain_text(
        admin.words("Picture %(number)s", number=picture)
    )
    admin.check_in_both_themes()
    admin.open("/admin/log")
    expect(admin.page.get_by_text(REASON).first).to_be_visible()

    assert available(buyer) == before + price
    expect(buyer.page.locator(".transaction b").first).to_have_text(f"+{price}")
    buyer.open(f"/g/{picture}")
    expect(buyer.page.locator("dd.money").last).to_contain_text(buyer.words("refunded"))
    expect(buyer.button("Download")).to_be_visible()
