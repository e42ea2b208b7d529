"""Sets: an album from photos to its archive without signing in; keys, refusals, and adoption."""

import re
import zipfile

import pytest
from PIL import Image
from playwright.sync_api import expect

from gpu.segmenting.scenes.products import draw_product
from tests.browser.test_pages import FIRST_PAGE_BYTES
from tests.browser.visitor import DESK, PHONE, TWO_WINDOWS
from tests.images import encoded

# The first test waits for the whole stack.
pytestmark = pytest.mark.timeout(600)

BODY = (0.5, 0.8)  # of the bottle, below its label
EVERY_PIXEL = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let seen = 0;
  for (let at = 3; at < data.length; at += 4) if (data[at]) seen += 1;
  return seen / (canvas.width * canvas.height);
}"""


def photo(number, seed=0, size=(480, 480)):
    picture = encoded(draw_product(seed, size).image, "JPEG", quality=90)
    return {"name": f"bottle-{number}.jpg", "mimeType": "image/jpeg", "buffer": picture}


def change_answers(page, photo=None, **job):
    """Let the API answer with other values of a job, and of its first photo."""

    def changed(route):
        answer = route.fetch()
        body = answer.json()
        body["data"] |= job
        body["data"]["items"][0] |= photo or {}
        route.fulfill(response=answer, json=body)

    page.route(re.compile(r"/sets/jobs/job_\w+$"), changed)


class Editor:
    """Somebody with an album of product photos."""

    def __init__(self, visitor):
        self.visitor, self.page, self.words = visitor, visitor.page, visitor.words

    def start(self, *photos):
        self.visitor.open("/sets")
        expect(self.page.locator("#sets-home")).to_have_attribute("data-ready", "true")
        self.page.locator("[name=preset][value=seller]").check()
        self.page.locator("#files").set_input_files(list(photos))
        self.page.locator("#send").click()
        expect(self.page).to_have_url(re.compile("/sets/job_"))
        expect(self.page.locator("#album")).to_have_attribute("data-ready", "true")
        expect(self.page.locator("#stage .before")).to_have_attribute("src", re.compile("."))
        return self

    def choose_body(self):
        self.page.locator("[data-concept=Body]").click()
        return self.page.locator(".frame-of-photo")

    def choose_photo(self, idx):
        self.page.locator(f".thumb[data-idx='{idx}']").click()

    def click_body(self):
        # A photo takes no points before it is checked.
        expect(self.page.locator("#stage:not(.locked)")).to_be_visible()
        frame = self.choose_body()
        frame.scroll_into_view_if_needed()
        box = frame.bounding_box()
        place = (box["x"] + BODY[0] * box["width"], box["y"] + BODY[1] * box["height"])
        with self.page.expect_response(re.compile(r"/instances$")) as answer:
            self.touch(*place)
        assert answer.value.ok

    def touch(self, x, y):
        if self.page.viewport_size["width"] == PHONE[0]:
            self.page.touchscreen.tap(x, y)
        else:
            self.page.mouse.click(x, y)

    def paint_body(self, swatch=10):
        self.visitor_tab("Rules")
        self.page.locator("#add-rule").select_option("Body")
        self.page.locator("[data-rule=Body] .swatch").nth(swatch).click()

    def visitor_tab(self, name):
        self.page.get_by_role("tab", name=self.words(name)).click()

    @property
    def overlay(self):
        return self.page.locator("#stage canvas")


@pytest.fixture
def editor(visitor):
    return Editor(visitor)


@TWO_WINDOWS
def test_photos_become_a_finished_set_by_clicks_on_one_of_them(editor, visitor):
    page = editor.page
    editor.start(photo(0), photo(1, seed=3))
    expect(page.locator("#guest")).to_be_visible()
    expect(page.locator(".thumb")).to_have_count(2)

    editor.click_body()
    expect(editor.overlay).to_have_attribute("data-masks", "1")
    assert 0.02 < editor.overlay.evaluate(EVERY_PIXEL) < 0.6
    expect(page.locator(".instance")).to_have_count(1)
    editor.choose_photo(1)
    expect(editor.overlay).to_have_attribute("data-masks", "0")
    editor.click_body()
    expect(editor.overlay).to_have_attribute("data-masks", "1")

    editor.paint_body()
    page.locator("#preview").click()
    expect(page.locator("#stage")).to_have_attribute("data-tool", "compare")
    expect(page.locator("#stage .after img")).to_be_visible()
    assert not visitor.is_wider_than_its_window()
    assert visitor.barriers() == []

    apply = editor.words.many("Apply · %(count)s credit", "Apply · %(count)s credits", 2)
    expect(page.locator("#apply")).to_have_text(apply)
    page.locator("#apply").click()
    expect(page.locator("#album")).to_have_attribute("data-status", "done")
    expect(page.locator("#photos [data-status=done]")).to_have_count(2)
    expect(page.locator("#stage .after img")).to_be_visible()
    assert not visitor.is_wider_than_its_window()
    assert visitor.barriers() == []

    with page.expect_download() as download:
        page.locator(".download").click()
    assert download.value.suggested_filename.endswith("-product_pack.zip")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "manifest.json" in archive.namelist()
        assert archive.testzip() is None


@pytest.mark.parametrize("size, language", [(DESK, "en")], ids=["desk-en"])
def test_parts_are_selected_and_undone_by_keys_alone(editor):
    page = editor.page
    editor.start(photo(0))
    frame = editor.choose_body()
    frame.focus()
    for _ in range(3):
        frame.press("Shift+ArrowDown")
    frame.press("Enter")
    expect(editor.overlay).to_have_attribute("data-masks", "1")
    expect(page.locator(".cursor")).to_be_visible()
    share = page.locator("#stage-status")
    expect(share).to_contain_text("%")
    before = share.inner_text()
    for _ in range(3):
        frame.press("Shift+ArrowUp")
    frame.press("Shift+Enter")
    expect(share).not_to_have_text(before)
    frame.press("Backspace")
    expect(share).to_have_text(before)
    frame.press("Backspace")
    expect(editor.overlay).to_have_attribute("data-masks", "0")
    expect(page.locator(".instance")).to_have_count(0)


@pytest.mark.parametrize("size, language", [(PHONE, "en")], ids=["phone-en"])
def test_what_is_refused_is_said_in_words_and_nothing_typed_is_lost(editor, visitor):
    page = editor.page
    visitor.open("/sets")
    assert visitor.bytes_without_pictures() < FIRST_PAGE_BYTES
    assert not visitor.is_wider_than_its_window()
    assert visitor.barriers() == []
    page.locator("[name=preset][value=seller]").check()
    heic = {"name": "IMG_1.HEIC", "mimeType": "image/heic", "buffer": b"heic"}
    page.locator("#files").set_input_files(heic)
    told = editor.words(
        "%(file)s is a HEIC file, which cannot be read. Save it as JPEG first.", file="IMG_1.HEIC"
    )
    expect(page.locator("#start-problem")).to_have_text(told)

    visitor.forgive(422)
    small = encoded(Image.new("RGB", (40, 40)), "JPEG")
    tiny = {"name": "tiny.jpg", "mimeType": "image/jpeg", "buffer": small}
    page.locator("#files").set_input_files([photo(0), tiny])
    page.locator("#send").click()
    expect(page.locator(".picked .bad .problem-of-file")).to_have_text(
        editor.words("This photo is too small.")
    )
    page.locator(".picked .bad .remove").click()
    page.locator("#send").click()
    expect(page).to_have_url(re.compile("/sets/job_"))
    expect(page.locator("#stage .before")).to_have_attribute("src", re.compile("."))

    page.locator("#apply").click()
    expect(page.locator("#album-problem")).to_have_text(editor.words("Add a rule first."))
    editor.paint_body()
    page.locator("#rule-name").fill("Dark green")
    with visitor.expecting("net::ERR_INTERNET_DISCONNECTED"):
        page.context.set_offline(True)
        page.locator(".save-rule button").click()
        expect(page.locator("#toast")).to_be_visible()
        expect(page.locator("#rule-name")).to_have_value("Dark green")
        page.context.set_offline(False)
    page.locator(".save-rule button").click()
    expect(page.locator(".saved-rules")).to_contain_text("Dark green")
    page.reload()
    expect(page.locator("[data-rule=Body]")).to_be_visible()


@pytest.mark.parametrize("size, language", [(DESK, "ko")], ids=["desk-ko"])
def test_signing_in_takes_the_albums_of_the_browser_over(editor, visitor):
    page = editor.page
    editor.start(photo(0))
    album = page.url
    visitor.sign_up(then="/sets")
    expect(page.locator("#adopted")).to_be_visible()
    expect(page.locator("#albums li")).to_have_count(1)
    assert page.evaluate("localStorage.getItem('sets-token')") is None
    visitor.open(album)
    expect(page.locator("#album")).to_have_attribute("data-status", "uploaded")
    expect(page.locator("#guest")).to_be_hidden()


@pytest.mark.parametrize(
    "size, language", [(PHONE, "ko"), (DESK, "en")], ids=["phone-ko", "desk-en"]
)
def test_four_corners_and_a_size_in_metres_are_set_on_the_photo(editor, visitor):
    page = editor.page
    editor.start(photo(0))
    editor.click_body()
    page.locator("[data-focus^=own-inst]").click()
    page.locator(".own-value select").select_option("texture")
    expect(page.locator(".own-value .plane button")).to_have_count(1)
    page.locator(".own-value .plane button").click()
    corners = [(0.3, 0.4), (0.7, 0.4), (0.7, 0.9), (0.3, 0.9)]
    frame = page.locator(".frame-of-photo")
    for number, (x, y) in enumerate(corners, 1):
        expect(page.locator("#stage-status")).to_contain_text(str(number))
        if number == 1 and page.viewport_size["width"] == DESK[0]:
            for key in (*["Shift+ArrowLeft"] * 2, *["Shift+ArrowUp"] * 4, "Enter"):
                frame.press(key)  # from BODY, which was clicked last
            continue
        box = frame.bounding_box()
        editor.touch(box["x"] + x * box["width"], box["y"] + y * box["height"])
    width = page.locator("[data-focus$=-plane-width]")
    expect(width).to_have_value("3")
    expect(width).to_be_focused()
    assert visitor.barriers() == []
    assert not visitor.is_wider_than_its_window()
    with page.expect_response(re.compile(r"/instances$")) as answer:
        width.fill("0.4")
        width.blur()
    assert answer.value.ok
    (change,) = answer.value.request.post_data_json["changes"]
    plane = change["rule"]["options"]["plane"]
    assert plane["width"] == 0.4
    for found, wanted in zip(plane["corners"], corners, strict=True):
        assert found == pytest.approx(wanted, abs=0.02)
    with page.expect_response(re.compile(r"/instances$")) as answer:
        page.locator("[data-focus$=-metres]").fill("0.05")
        page.locator("[data-focus$=-metres]").blur()
    assert answer.value.ok
    (change,) = answer.value.request.post_data_json["changes"]
    assert change["rule"]["options"]["metres"] == 0.05
    expect(page.locator("[data-focus$=-metres]")).to_have_value("0.05")
    width.fill("0")
    width.blur()
    expect(page.locator(".plane .field-problem").first).to_be_visible()
    page.locator("[data-focus$=-no-corners]").click()
    expect(width).to_have_count(0)
    page.locator(".own-value .plane button").click()
    frame.press("Escape")
    expect(page.locator("#stage-status")).to_be_empty()


@pytest.mark.parametrize("size, language", [(DESK, "en")], ids=["desk-en"])
def test_a_saved_rule_takes_no_photo_of_another_album_over(editor):
    page = editor.page
    editor.start(photo(0))
    editor.paint_body()
    page.locator("[data-focus=rule-Body-action]").select_option("tone")
    page.locator("[data-focus=rule-Body-tone]").select_option("match:0")
    page.locator("#rule-name").fill("Like the first")
    page.locator(".save-rule button").click()
    saved = page.locator(".saved-rules .chip")
    saved.click()
    expect(page.locator("[data-rule=Body]")).to_be_visible()
    page.locator(".album-head .cancel-album").click()
    page.locator("#cancelling [value=cancel]").click()
    expect(page.locator("#album")).to_have_attribute("data-status", "canceled")

    editor.start(photo(0))
    editor.visitor_tab("Rules")
    saved.click()
    expect(page.locator("#album-problem")).to_contain_text("Body. Set it again here.")
    expect(page.locator("[data-rule=Body]")).to_have_count(0)


@pytest.mark.parametrize("size, language", [(DESK, "en")], ids=["desk-en"])
def test_two_proposals_are_compared_and_another_rule_begins_with_the_same_selection(editor):
    page = editor.page
    editor.start(photo(0))
    editor.click_body()
    editor.paint_body(swatch=9)
    page.locator("[data-focus=proposal-add]").click()
    page.locator("[data-rule=Body] .swatch").nth(12).click()
    expect(page.locator("#apply")).to_have_text("Apply · 2 credits")
    page.locator("#apply").click()
    expect(page.locator("#album")).to_have_attribute("data-status", "done")
    shown = page.locator("#comparison li button")
    expect(shown).to_have_count(2)
    after = page.locator("#stage .after img")
    first = after.get_attribute("src")
    shown.nth(1).click()
    expect(after).not_to_have_attribute("src", first)
    expect(shown.nth(1)).to_have_attribute("aria-pressed", "true")

    page.locator(".full-size").locator("xpath=..").locator("summary").click()
    with page.expect_download() as download:
        page.locator(".full-size a").click()
    assert download.value.suggested_filename == "bottle-0.png"
    with Image.open(download.value.path()) as result:
        assert result.size == (480, 480)
    expect(page.locator("[name=jobs]")).to_have_count(1)
    expect(page.locator("[name=jobs]")).to_be_checked()

    # Who canceled has paid for what was finished.
    change_answers(page, status="canceled")
    page.reload()
    expect(page.locator("#album")).to_have_attribute("data-status", "canceled")
    expect(page.locator(".full-size a")).to_have_count(1)
    expect(page.locator("form.export")).to_be_visible()
    page.unroute_all()

    before = page.url
    page.locator("[data-focus=another-rule]").click()
    expect(page).not_to_have_url(before)
    expect(page.locator("#album")).to_have_attribute("data-status", "uploaded")
    page.locator("[data-concept=Body]").click()
    expect(page.locator(".instance")).to_have_count(1)
    expect(editor.overlay).to_have_attribute("data-masks", "1")


@pytest.mark.parametrize("size, language", [(DESK, "en")], ids=["desk-en"])
def test_a_failure_without_words_of_its_own_shows_no_message_of_a_worker(editor):
    page = editor.page
    editor.start(photo(0))

    error = {"code": "NEW_CODE", "message": "KeyError: 'secret'"}
    change_answers(page, {"status": "failed", "error": error}, status="failed")
    page.reload()
    expect(page.locator(".failures")).to_contain_text("Something went wrong.")
    expect(page.locator("#warnings")).to_contain_text("Something went wrong.")
    expect(page.locator("body")).not_to_contain_text("secret")
