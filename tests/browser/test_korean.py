"""Somebody who types Korean: in a prompt, in a filter, in a search."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


class InputMethod:
    """Types Korean as an input method does: syllables are composed, then committed."""

    def __init__(self, page):
        self._session = page.context.new_cdp_session(page)

    def compose(self, text):
        place = {"selectionStart": len(text), "selectionEnd": len(text)}
        self._session.send("Input.imeSetComposition", {"text": text, **place})

    def commit(self, text):
        self._session.send("Input.insertText", {"text": text})


@pytest.fixture
def keyboard(visitor):
    return InputMethod(visitor.page)


def options(page):
    return page.get_by_role("option")


def chips(page):
    return page.locator(".tags-input").first.locator(".chip")


def test_korean_words_of_a_prompt_become_english_tags(visitor, keyboard, places):
    page = visitor.page
    visitor.open(f"/styles/{places['style']}")
    prompt = page.locator("#prompt")
    prompt.focus()
    keyboard.compose("고ㅇ")
    expect(options(page)).to_have_count(0)
    keyboard.compose("고양")
    expect(options(page).first).to_have_text("고양이→cat")
    expect(prompt).to_have_attribute("aria-expanded", "true")
    for theme in ("light", "dark"):
        visitor.wear(theme)
        assert visitor.barriers() == []
    assert not visitor.is_wider_than_its_window()
    options(page).first.click()
    expect(chips(page)).to_have_text(["cat×"])
    expect(prompt).to_have_value("")
    expect(prompt).to_be_focused()

    keyboard.compose("바다")
    keyboard.commit("바다")
    expect(options(page).first).to_have_text("바다→sea")
    prompt.press("Enter")
    expect(chips(page)).to_have_text(["cat×", "sea×"])
    expect(options(page)).to_have_count(0)
    keyboard.commit("배")
    prompt.press(",")
    expect(chips(page)).to_have_text(["cat×", "sea×", "boat×"])
    keyboard.commit("빨간 고양")
    prompt.press("ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    prompt.press("Enter")
    keyboard.commit("등대")
    prompt.press("Tab")
    expect(chips(page)).to_have_text(["cat×", "sea×", "boat×", "red cat×", "lighthouse×"])
    visitor.forgive(422)  # the preview of an unknown word, if it is asked for before the end
    keyboard.commit("꽈배기")
    prompt.press("Enter")
    sent = page.locator('input[type="hidden"][name="prompt_tags"]')
    expect(sent).to_have_value("cat, sea, boat, red cat, lighthouse, 꽈배기")


def test_a_suggestion_can_be_left_with_escape(visitor, keyboard, places):
    page = visitor.page
    visitor.open(f"/styles/{places['style']}")
    prompt = page.locator("#prompt")
    prompt.focus()
    keyboard.commit("바다")
    expect(options(page).first).to_be_visible()
    prompt.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(prompt).to_have_value("바다")
    prompt.blur()
    expect(chips(page)).to_have_text(["sea×"])


def test_korean_words_filter_the_gallery_by_english_tags(visitor, keyboard):
    page = visitor.page
    visitor.open("/")
    field = page.locator("#tag")
    field.focus()
    keyboard.compose("안")
    keyboard.compose("안개")
    expect(options(page).first).to_have_text("안개→fog")
    assert visitor.barriers() == []
    assert not visitor.is_wider_than_its_window()
    options(page).first.click()
    expect(field).to_have_value("fog")
    visitor.button("Filter").click()
    expect(page).to_have_url(re.compile(r"tags=fog$"))

    visitor.open(f"/?tags={quote('바다')}")
    chosen = page.locator(".chip.chosen")
    expect(chosen.locator("[lang=en]")).to_have_text("sea")
    with visitor.expecting(422):
        visitor.open(f"/?tags={quote('꽈배기')}")
        expect(page.locator("#tag-problem")).to_contain_text("꽈배기")


def test_a_korean_search_finds_the_styles_of_its_english_word(visitor, keyboard, places):
    page = visitor.page
    visitor.open("/styles")
    page.locator("#q").focus()
    keyboard.compose("수채")
    visitor.forgive("htmx:afterRequest", "htmx:sendAbort")  # the next search may overtake this one
    keyboard.commit("수채화")
    expect(page.locator('#found a[href="/styles?tags=watercolour"]')).to_be_visible()


def test_a_part_of_a_korean_word_offers_its_tag_in_the_search(visitor, keyboard):
    page = visitor.page
    visitor.open("/styles")
    field = page.locator("#q")
    field.focus()
    keyboard.compose("수채")
    expect(options(page).first).to_have_text("수채화→watercolour")
    expect(field).to_have_attribute("aria-expanded", "true")
    visitor.check_in_both_themes()
    options(page).first.click()
    expect(field).to_have_value("watercolour")
    expect(field).to_be_focused()
    expect(options(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?q=watercolour"))
    expect(page.locator('#found a[href="/styles?tags=watercolour"]')).to_be_visible()


def test_a_korean_name_is_shown_with_the_username(visitor, keyboard):
    page = visitor.page
    visitor.sign_up(then="/me/settings")
    username = page.locator("#username").input_value()
    name = page.locator("#display_name")
    name.fill("")
    name.focus()
    keyboard.compose("김미")
    keyboard.commit("김민아")
    name.press("Enter")
    expect(page.locator(".notice.good")).to_be_visible()
    visitor.open("/me")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"김민아 @{username}")
    visitor.check_in_both_themes()
