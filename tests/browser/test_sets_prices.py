"""Painting a part of an album in a style: at the price that the page shows, or not at all."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_sets import Editor, photo
from tests.browser.visitor import DESK
from webapp.embedded.cast import ARTISTS

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)
PRICE = ARTISTS[0].price_tokens


@pytest.mark.parametrize("size,language", [(DESK, "en")])
def test_a_price_that_changed_meanwhile_is_told_before_it_is_charged(visit, places, at_a_price):
    visitor = visit()
    page = visitor.page
    visitor.sign_up(then="/sets")
    editor = Editor(visitor).start(photo(0))
    editor.click_body()
    editor.visitor_tab("Rules")
    page.locator("#add-rule").select_option("Body")
    page.locator("[data-focus=rule-Body-action]").select_option("restyle")
    page.locator("[data-focus=rule-Body-style]").select_option(str(places["style"]))
    costs = page.locator("#bar-styles")
    expect(costs).to_contain_text(f"· {PRICE} tokens")
    visitor.check_in_both_themes()

    at_a_price(PRICE + 1)
    with visitor.expecting(409):
        page.locator("#apply").click()
        expect(page.locator("#album-problem")).to_contain_text("The price has changed.")
    told = f"The price in tokens is now {PRICE + 1}."
    expect(page.locator("#album-problem")).to_contain_text(told)
    expect(page.locator("[data-rule=Body] .field-problem")).to_have_text(told)
    expect(costs).to_contain_text(f"· {PRICE + 1} tokens")
    expect(page.locator("#album")).to_have_attribute("data-status", "uploaded")
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert "restyle" in kept
    assert "expected_price_tokens" not in kept

    with page.expect_response("**/execute") as answer:
        page.locator("#apply").click()
    assert answer.value.ok
    expect(page.locator("#album")).not_to_have_attribute("data-status", "uploaded")
