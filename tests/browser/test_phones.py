"""What a phone is used for without thinking: Back, the first screen, a finger instead of keys."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import EVERYWHERE, PHONE
from tests.pages import BEGINNER, BUYER

# The first test waits for the whole stack and its world.
pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("inhabited")]

LOWEST_TOP = 0.6  # of the first screen, above which the first picture begins
ROW_PIXELS = 60  # the height of one row of chips, and less than two


TEXT_LEFT = """(element) => {
  const text = document.createRange();
  text.selectNodeContents(element);
  return Math.round(text.getBoundingClientRect().left);
}"""


def lightbox(visitor):
    return visitor.page.locator(".pswp--open")


@EVERYWHERE
def test_back_closes_the_lightbox_and_then_leaves_the_page(visitor, places):
    page, picture = visitor.page, f"/g/{places['image']}"
    visitor.open("/")
    visitor.open(picture)
    page.locator("#samples a").click()
    expect(lightbox(visitor)).to_be_visible()
    page.go_back()
    expect(lightbox(visitor)).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"{picture}$"))

    page.go_forward()  # nothing is opened again, and no step of the history is lost
    for close in ("Escape", None):
        page.locator("#samples a").click()
        expect(lightbox(visitor)).to_be_visible()
        if close:
            page.keyboard.press(close)
        else:
            page.locator(".pswp__button--close").click()
        expect(lightbox(visitor)).to_have_count(0)
        page.wait_for_function("history.state === null")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/$"))


@EVERYWHERE
def test_a_page_reloaded_with_the_lightbox_open_is_left_by_one_step_back(visitor, places):
    page, style = visitor.page, f"/styles/{places['style']}"
    visitor.open("/styles")
    visitor.open(style)
    page.locator("#samples a").first.click()
    expect(lightbox(visitor)).to_be_visible()
    page.reload()
    page.wait_for_function("history.state === null")
    expect(lightbox(visitor)).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/styles$"))


def first_picture(visitor):
    """The box of the first picture of the gallery."""
    return visitor.page.locator("#wall .card img").first.bounding_box()


@EVERYWHERE
def test_the_first_picture_begins_in_the_upper_part_of_the_first_screen(visit, cookies, size):
    visitor, buyer, newcomer = visit(), visit(storage_state=cookies(BUYER)), visit()
    newcomer.sign_up()
    welcomed = first_picture(newcomer)  # below the tokens of a new account
    assert welcomed["y"] + welcomed["height"] / 2 <= size[1]
    for each in (visitor, buyer, newcomer):
        each.open("/")
        picture = first_picture(each)
        assert picture["y"] <= LOWEST_TOP * size[1]
        assert picture["y"] + picture["height"] / 2 <= size[1]
        each.check_in_both_themes()


@EVERYWHERE
def test_chosen_filters_are_first_in_the_one_row_of_filters(visitor, size):
    page = visitor.page
    visitor.open("/")
    tag = page.locator(".chip-row [lang=en]").first.text_content()
    visitor.open(f"/?tags={tag}&aspect_ratio=1:1")
    row = page.locator(".chip-row")
    expect(row.locator(".chosen")).to_have_count(2)
    expect(row.locator(".chip").first).to_have_class(re.compile("chosen"))
    expect(row.locator(".chosen").last).to_be_in_viewport(ratio=1)
    if size == PHONE:
        assert row.bounding_box()["height"] < ROW_PIXELS
    visitor.check_in_both_themes()


@EVERYWHERE
def test_the_header_says_what_its_number_counts(visit, cookies):
    visitor = visit(storage_state=cookies(BUYER))
    page, many = visitor.page, "1,234,567"
    visitor.open("/wallet")
    header = page.locator("header.frame")
    height = header.bounding_box()["height"]
    page.locator("#balance").evaluate("(balance, text) => { balance.textContent = text; }", many)
    unit, number = page.locator(".balance .unit"), page.locator("#balance")
    expect(unit).to_have_text(visitor.words("tokens"))
    assert unit.bounding_box()["width"] > 1  # seen, not only spoken
    assert unit.bounding_box()["x"] > number.bounding_box()["x"]
    assert header.bounding_box()["height"] == height
    link = page.get_by_role("link", name=f"{visitor.words('Your tokens:')} {many}", exact=False)
    expect(link).to_have_count(1)
    visitor.check_in_both_themes()


@EVERYWHERE
def test_only_who_has_keys_and_a_mouse_reads_of_them(visit, cookies, places, size):
    buyer, beginner = visit(storage_state=cookies(BUYER)), visit(storage_state=cookies(BEGINNER))
    buyer.open(f"/styles/{places['style']}")
    beginner.open("/studio/new")
    for visitor, said in (
        (buyer, "Press Tab to complete a word."),
        (buyer, "Ctrl + Enter orders."),
        (beginner, "Drop them here, or paste."),
    ):
        expect(visitor.text(said)).to_be_visible(visible=size != PHONE)
        assert not visitor.is_wider_than_its_window()


@pytest.mark.parametrize("size", [PHONE])
def test_prices_and_quiet_buttons_begin_where_the_text_above_them_begins(visitor):
    page = visitor.page
    visitor.open("/styles")
    label, footer = page.locator(".picture-grid .label").first, page.locator("footer.frame")
    for upper, lower in (
        (label.locator("a").first, label.locator(".money")),
        (footer.locator("p").first, footer.locator(".choices button").first),
    ):
        assert lower.evaluate(TEXT_LEFT) == upper.evaluate(TEXT_LEFT)


def test_words_of_korean_titles_are_not_cut_on_a_page_in_english(visitor):
    visitor.open("/")
    title = visitor.page.locator(".label .title").first
    assert title.evaluate("(element) => getComputedStyle(element).wordBreak") == "keep-all"
