"""Nobody yet: signs up, looks around, opens an image."""

import re
import secrets

import pytest
from playwright.sync_api import expect

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
