"""An address of webhooks is added, tested, changed and deleted; also without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.talking import somebody
from tests.browser.visitor import DESK, TWO_WINDOWS
from tests.failing_server import failing_server
from tests.waiting import wait_for

# The first test waits for the whole stack.
pytestmark = pytest.mark.timeout(600)
SECRET = re.compile("^whsec_[A-Za-z0-9+/]{43}=$")


def add(visitor, url):
    """Add an address for two events; return its secret as the page shows it."""
    visitor.field("Address of your server").fill(url)
    for event in ("generation.completed", "style.trained"):
        visitor.page.locator(f".new-key input[value='{event}']").first.check()
    visitor.button("Add the address").click()
    shown = visitor.page.locator("#secret")
    expect(shown).to_have_text(SECRET)
    return shown.inner_text()


@TWO_WINDOWS
def test_an_address_is_added_tested_changed_and_deleted(visit):
    person, _ = somebody(visit, "Ria")
    person.open("/me/settings")
    person.link("Webhooks: messages to your server").click()
    expect(person.text("You have no addresses.")).to_be_visible()
    person.check_in_both_themes()

    with failing_server() as server:
        add(person, f"{server.url}/hook")
        person.check_in_both_themes()
        person.button("Send a test").click()
        said = "A test is on its way. Reload this page to see what came of it."
        expect(person.text(said)).to_be_visible()
        wait_for(lambda: server.requests, "the test", seconds=60)
        server.statuses = [500] * 50
        with person.page.expect_navigation():
            person.button("Send a test").click()

        def shown():
            person.open("/me/webhooks")
            return person.page.locator(".deliveries li", has_text="HTTP 500").count()

        wait_for(shown, "what came of it", seconds=90)
        expect(person.page.locator(".deliveries .valid")).to_have_count(1)
    person.page.locator(".webhooks summary").click()
    person.check_in_both_themes()
    person.button("Disable").click()
    expect(person.text("Disabled by you.")).to_be_visible()
    person.check_in_both_themes()
    person.page.locator(".webhooks summary").click()
    person.button("Delete this address").click()
    expect(person.text("You have no addresses.")).to_be_visible()


@TWO_WINDOWS
def test_a_form_that_is_refused_says_why_and_keeps_what_was_chosen(visit):
    person, _ = somebody(visit, "Noa")
    person.forgive(422)
    person.open("/me/webhooks")
    person.page.locator("input[value='generation.sold']").check()
    person.field("Address of your server").fill("ftp://shop.example")
    person.button("Add the address").click()
    expect(person.page.locator(".field-problem")).to_have_count(1)
    expect(person.page.locator("input[value='generation.sold']")).to_be_checked()
    person.check_in_both_themes()


@pytest.mark.parametrize("size,language", [(DESK, "en")])
def test_without_scripts_it_is_the_same(visit):
    person, _ = somebody(visit, "Zoe")
    plain = visit(java_script_enabled=False, storage_state=person.page.context.storage_state())
    plain.open("/me/webhooks")
    add(plain, "https://shop.example/webhooks")
    plain.page.reload()  # the form is sent again
    expect(plain.page.locator("#secret")).to_have_count(0)
    expect(plain.page.locator(".webhooks > li")).to_have_count(1)
