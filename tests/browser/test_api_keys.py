"""A key is made for a program, shown once, used and revoked; also by keyboard, without scripts."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.talking import somebody
from tests.browser.visitor import DESK, TWO_WINDOWS

# The first test waits for the whole stack.
pytestmark = pytest.mark.timeout(600)


def asked(service, secret):
    """What the program is answered."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{service.site}/api/v1/tokens/balance", headers=headers).status_code


def make(visitor, name):
    """Make a key by the keyboard; return its secret as the page shows it."""
    visitor.field("Name").fill(name)
    visitor.field("Order").check()
    visitor.field("Valid for").select_option("90")
    visitor.field("Name").press("Enter")
    shown = visitor.page.locator("#secret")
    expect(shown).to_have_text(re.compile("^sl_[0-9a-f]{40}$"))
    return shown.inner_text()


@TWO_WINDOWS
def test_a_key_is_made_used_and_revoked(visit, service):
    person, _ = somebody(visit, "Ria")
    person.open("/me/settings")
    person.link("Make and revoke API keys").click()
    expect(person.heading("Your keys")).to_be_visible()
    expect(person.page.get_by_text(person.words("You have no keys."))).to_be_visible()
    person.check_in_both_themes()

    secret = make(person, "Catalogue of the shop")
    person.check_in_both_themes()
    assert asked(service, secret) == 200
    person.open("/me/keys")
    expect(person.page.locator("#secret")).to_have_count(0)
    row = person.page.locator(".api-keys > li")
    expect(row).to_contain_text(secret[:9])
    expect(row).not_to_contain_text(person.words("Not used yet"))

    row.locator("summary").click()
    person.check_in_both_themes()
    person.button("Revoke this key").click()
    expect(person.page.get_by_text(person.words("You have no keys."))).to_be_visible()
    assert asked(service, secret) == 401


@TWO_WINDOWS
def test_a_form_that_is_refused_says_why_and_keeps_what_was_typed(visit):
    person, _ = somebody(visit, "Noa")
    person.forgive(422)
    person.open("/me/keys")
    person.field("Order").check()
    person.button("Make a key").click()
    problem = person.page.locator(".field-problem")
    expect(problem).to_have_text(person.words("Please enter a name of 1 to 50 characters."))
    expect(person.field("Order")).to_be_checked()
    person.check_in_both_themes()


@pytest.mark.parametrize("size,language", [(DESK, "en")])
def test_without_scripts_it_is_the_same(visit, service):
    person, _ = somebody(visit, "Zoe")
    plain = visit(java_script_enabled=False, storage_state=person.page.context.storage_state())
    plain.open("/me/keys")
    secret = make(plain, "Catalogue")
    plain.page.reload()  # the form is sent again
    expect(plain.page.locator("#secret")).to_have_count(0)
    expect(plain.page.locator(".api-keys > li")).to_have_count(1)
    assert asked(service, secret) == 200
