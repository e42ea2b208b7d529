"""Somebody reads what is lost with an account, types the name, and is gone."""

import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import TWO_WINDOWS

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


@TWO_WINDOWS
def test_an_account_is_deleted_after_its_name_was_typed(visit):
    person, email = visit(), f"{secrets.token_hex(4)}@example.com"
    person.sign_in(email, then="/me/settings")
    balance = person.page.locator("#balance")
    expect(balance).not_to_have_text("0")
    person.link("See what happens when you leave").click()
    expect(person.page.locator(".consequences li").first).to_be_visible()
    person.check_in_both_themes()

    question = person.words("To continue, enter your username: %(name)s", name="")
    name = person.page.locator("label[for=confirm]").inner_text().removeprefix(question)
    confirm = person.page.locator("#confirm")
    with person.expecting(422):
        confirm.fill(f"{name}?")
        person.button("Delete my account").click()
        expect(person.page.get_by_role("alert")).to_be_visible()
    person.check_in_both_themes()
    confirm.fill(name)
    person.button("Delete my account").click()
    expect(balance).to_have_count(0)
    person.check_in_both_themes()

    person.sign_in(email)  # a new account, without a second bonus
    expect(balance).to_have_text("0")
