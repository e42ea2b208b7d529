"""Somebody loses the connection: every act says so, in one place, and nothing typed is lost."""

import pytest
from playwright.sync_api import expect

from tests.browser.talking import somebody
from tests.browser.visitor import DESK
from tests.pages import ARTIST, BUYER, SLOW

# The first test waits for the whole stack and its world.
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.parametrize("size", [DESK], ids=["desk"]),
]

OFFLINE = "net::ERR_INTERNET_DISCONNECTED"
UNREACHABLE = (
    "The site cannot be reached. Your input is kept: please try again when you are online."
)


class Tab:
    """A page of somebody whose connection comes and goes."""

    def __init__(self, visitor):
        self.visitor, self.page = visitor, visitor.page
        self.toast = self.page.locator("#toast")
        visitor.forgive(OFFLINE, "htmx:")  # htmx writes what fails to the console too

    def open(self, address):
        self.page.context.set_offline(False)
        self.visitor.open(address)
        self.visitor.settle()
        self.page.context.set_offline(True)

    def is_told(self):
        """The toast says what happened, in the language of the page, and closes."""
        expect(self.toast).to_have_count(1)
        expect(self.toast).to_be_visible()
        expect(self.toast.locator("p")).to_have_text(self.visitor.words(UNREACHABLE))
        assert self.page.url.startswith("http")  # not the browser's own page of an error
        self.toast.get_by_role("button").click()
        expect(self.toast).to_be_hidden()


@pytest.fixture
def tab(visit, cookies):
    return lambda who: Tab(visit(storage_state=cookies(who)))


def test_what_a_buyer_does_offline_is_told_and_what_was_typed_stays(tab, places):
    here = tab(BUYER)
    visitor, page = here.visitor, here.page

    here.open(f"/g/{places['image']}")
    like = page.locator(".like button").first
    before = like.get_attribute("aria-pressed")
    like.click()
    here.is_told()
    expect(like).to_have_attribute("aria-pressed", before)
    comment = visitor.field("Your comment")
    comment.fill("A word on the train")
    visitor.button("Comment").click()
    here.is_told()
    expect(comment).to_have_value("A word on the train")
    page.locator("[data-report]").first.click()
    here.is_told()
    page.locator("a.brand").click()
    here.is_told()
    expect(comment).to_have_value("A word on the train")

    here.open(f"/users/{places['artist']}")
    follow = page.locator("form.follow button").first
    said = follow.inner_text()
    follow.click()
    here.is_told()
    expect(follow).to_have_text(said)

    here.open(f"/styles/{places['style']}")
    page.locator(".tags-input input").first.type("castle,")
    page.locator("#buy").click()
    here.is_told()
    expect(visitor.button("Remove %(tag)s", tag="castle")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()


def test_forms_without_scripts_of_their_own_are_not_given_to_the_browsers_error_page(visit):
    here = Tab(somebody(visit, "Ria")[0])
    visitor, page = here.visitor, here.page
    here.open("/me/settings")
    bio = page.locator("#bio")
    bio.fill("I look at harbours.")
    visitor.button("Save").first.click()
    here.is_told()
    expect(bio).to_have_value("I look at harbours.")
    page.locator("details.menu summary").click()
    visitor.button("Sign out").click()
    here.is_told()
    expect(bio).to_have_value("I look at harbours.")

    here.open("/notifications")
    visitor.button("Mark all as read").click()
    here.is_told()
    here.open("/wallet")
    page.locator('form[action="/wallet/purchases"] button:visible').first.click()
    here.is_told()

    # The browser believes that it is online, and no answer comes.
    here.open("/me/settings")
    bio.fill("I look at harbours.")
    page.context.set_offline(False)
    visitor.forgive("net::ERR_FAILED")
    page.route("**/healthz", lambda route: route.abort())
    visitor.button("Save").first.click()
    here.is_told()
    expect(bio).to_have_value("I look at harbours.")
    page.unroute("**/healthz")
    visitor.button("Save").first.click()
    expect(visitor.text("Your profile is saved.")).to_be_visible()
    expect(bio).to_have_value("I look at harbours.")


def test_an_artist_without_connection_keeps_signature_terms_and_files(tab, places):
    here = tab(ARTIST)
    page = here.page
    here.open("/studio/signature")
    page.locator("[name=signature_opacity]").fill("0.5")
    page.locator("#signature-form button[type=submit]").click()
    here.is_told()
    expect(page.locator("[name=signature_opacity]")).to_have_value("0.5")

    here = tab(SLOW)
    here.visitor.forgive(409)
    here.open("/studio/new")
    file = {"name": "work-00.png", "mimeType": "image/png", "buffer": b"\x89PNG"}
    here.page.locator("#files").set_input_files(file)
    here.is_told()
    expect(here.visitor.button("Upload the rest")).to_be_visible()
