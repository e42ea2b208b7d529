"""A comment is reported, an administrator hides it, and the reporter is notified."""

import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.talking import comment, somebody, spoken
from tests.pages import ADMINISTRATOR

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


def test_a_report_reaches_an_administrator_who_hides_what_was_said(visit, cookies, places, visitor):
    image = f"/g/{places['image']}"
    words = f"Buy followers at {secrets.token_hex(4)}"
    author, _ = somebody(visit, "Spammer")
    comment(author, image, words)

    reporter, _ = somebody(visit, "Reporter")
    reporter.open(image)
    said = reporter.page.locator(".comment").filter(has_text=words)
    said.get_by_role("link", name=reporter.words("Report"), exact=True).click()
    reporter.field("It is spam").check()
    reporter.page.get_by_role("dialog").get_by_role(
        "button", name=reporter.words("Report"), exact=True
    ).click()
    thanks = "Thank you. A moderator will look at it, and we will notify you of the decision."
    expect(reporter.text(thanks)).to_be_visible()

    admin = visit(storage_state=cookies(ADMINISTRATOR))
    admin.open("/admin")
    case = admin.page.locator(".item").filter(has_text=words)
    hide = admin.words("Hide")
    case.locator("summary").filter(has_text=hide).dblclick()  # opens it, and no other
    expect(case.locator("details[open]")).to_have_count(1)
    case.get_by_label(admin.words("Reason (for the log)")).filter(visible=True).fill("Advertising")
    case.get_by_role("button", name=hide, exact=True).click()
    expect(case.get_by_role("status")).not_to_be_empty()

    visitor.open(image)
    expect(visitor.heading("Comments")).to_be_visible()
    expect(spoken(visitor, words)).to_have_count(0)

    reporter.open("/notifications")
    expect(reporter.page.locator(".notice-row")).to_have_count(1)  # of the decision
    reporter.check_in_both_themes()
