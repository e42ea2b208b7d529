"""People talk: a like and a comment are told to whom they concern."""

import re
import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.talking import comment, somebody, spoken
from tests.pages import BUYER

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


def test_a_like_and_a_comment_reach_the_owner_as_news(visit, cookies, places):
    reader, name = somebody(visit, "Ria")
    words = f"The light is lovely {secrets.token_hex(3)}"
    image = f"/g/{places['own_public_image']}"
    reader.open(image)
    like = reader.button("Like", exact=False).first
    like.click()
    expect(like).to_have_attribute("aria-pressed", "true")
    comment(reader, image, words)

    owner = visit(storage_state=cookies(BUYER))
    owner.open("/notifications")
    news = owner.page.locator(".notice-row").filter(has_text=name)
    expect(news).to_have_count(2)
    news.filter(has_text=words).get_by_role("link").click()
    expect(owner.page).to_have_url(re.compile(image))
    expect(spoken(owner, words)).to_be_visible()
