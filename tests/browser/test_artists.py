"""An artist: from a folder of works, two of them bad, through a look at it, to a style on sale."""

import re
import secrets

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.browser.visitor import EVERYWHERE, PHONE, THEMES, TWO_WINDOWS
from tests.images import encoded, gif, half_of, scene
from tests.pages import BEGINNER, SLOW
from webapp.domain.services import rights

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

LEARNING_MS = 400_000


def file(name, data):
    return {"name": name, "mimeType": "image/png", "buffer": data}


def good(number):
    return file(f"work-{number:02}.png", encoded(scene(640, 640, seed=number)))


@pytest.fixture
def artist(visitor):
    """Somebody who draws a signature and becomes an artist."""
    page = visitor.page
    visitor.sign_up(then="/become-artist")
    visitor.field("Artist name").fill(f"Yuna {secrets.token_hex(3)}")
    draw_on(page, page.locator("canvas").first)
    visitor.button("Become an artist").click()
    expect(page).to_have_url(re.compile("/studio"))
    return visitor


def left(artist, count):
    """How many test pictures are left, as the page says it."""
    forms = "%(num)d free test picture left", "%(num)d free test pictures left"
    return artist.words.many(*forms, count, num=count)


def draw_on(page, canvas):
    """One line by hand: up, down, and up again."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    points = [(0.1, 0.7), (0.3, 0.2), (0.5, 0.8), (0.7, 0.3), (0.9, 0.6)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_what_is_mended_is_no_longer_a_problem_of_the_form(visitor):
    page = visitor.page
    visitor.sign_up(then="/become-artist")
    name, email = visitor.field("Artist name"), visitor.field("E-mail")
    name.fill("")
    email.fill("nobody")
    visitor.button("Become an artist").click()
    summary, beside = page.locator("#problem"), page.locator(".field-problem")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("listitem")).to_have_count(3)
    expect(beside).to_have_count(3)
    visitor.check_in_both_themes()

    name.fill("Y")  # too short still
    expect(summary.get_by_role("listitem")).to_have_count(3)
    name.fill("Yuna")
    expect(summary.get_by_role("listitem")).to_have_count(2)
    email.fill("yuna@example.com")
    expect(summary.get_by_role("listitem")).to_have_count(1)
    expect(beside).to_have_count(1)
    visitor.check_in_both_themes()
    draw_on(page, page.locator("canvas").first)
    expect(summary).to_be_hidden()
    expect(beside).to_have_count(0)
    expect(page.locator("[aria-invalid]")).to_have_count(0)


FORTY_WORDS = """() => {
  document.getElementById("photos").hidden = true;
  document.getElementById("words").hidden = false;
  const chips = Array.from({ length: 40 }, (_, number) => {
    const [item, button] = [document.createElement("li"), document.createElement("button")];
    Object.assign(button, { type: "button", className: "chip", textContent: `mountain ${number}` });
    item.append(button);
    return item;
  });
  document.querySelector(".counts-of-words").replaceChildren(...chips);
}"""
CUT = """() => {
  const list = document.querySelector(".counts-of-words");
  const box = list.getBoundingClientRect();
  const isCut = ({ top, bottom }) =>
    [box.top, box.bottom].some((edge) => top < edge - 1 && bottom > edge + 1);
  const chips = [...list.querySelectorAll(".chip")];
  return chips.filter((chip) => isCut(chip.getBoundingClientRect())).length;
}"""


@EVERYWHERE
def test_no_row_of_the_tags_to_filter_artworks_by_is_cut(visit, cookies, size):
    beginner = visit(storage_state=cookies(BEGINNER))
    page = beginner.page
    beginner.open("/studio/new")
    page.evaluate(FORTY_WORDS)
    words = page.locator(".counts-of-words .chip")
    assert page.evaluate(CUT) == 0
    words.nth(20).scroll_into_view_if_needed()
    beginner.settle()
    assert page.evaluate(CUT) == 0
    rows = {round(words.nth(number).bounding_box()["y"]) for number in range(40)}
    assert (len(rows) == 1) == (size == PHONE)
    beginner.check_in_both_themes()


def tiles(artist, state=""):
    return artist.page.locator(f"#works .work{state}")


def fill_terms(artist, name):
    artist.field("Name of the style, in any language").fill(name)
    artist.field("Description").fill("Piers and boats, drawn in one line.")
    artist.field("Personal licence").fill("7")
    artist.field("Commercial licence").fill("9")
    artist.field("I confirm this.").check()


@TWO_WINDOWS
def test_an_artist_goes_from_twelve_works_with_two_bad_ones_to_a_style_on_sale(
    artist, service, language
):
    page, name = artist.page, f"Harbor {secrets.token_hex(4)}"
    artist.open("/studio")
    artist.button("Make your first style").click()

    small = file("small.png", encoded(scene(300, 300, seed=50)))
    damaged = file("damaged.png", half_of(good(51)["buffer"]))
    page.locator("#files").set_input_files([*(good(at) for at in range(10)), small, damaged])
    expect(tiles(artist)).to_have_count(12)
    for_reasons = "%(good)s usable, %(bad)s with a problem · at least %(least)s needed"
    expect(artist.text(for_reasons, good=10, bad=2, least=10)).to_be_visible()
    expect(tiles(artist, ".bad").first).to_contain_text(artist.words("Smaller than 512 × 512"))

    artist.button("Next: tags").click()
    expect(page.locator("#problem")).to_be_focused()
    artist.field("Replace %(file)s", file="small.png").set_input_files(good(10))
    artist.button("Remove %(file)s", file="damaged.png").click()
    expect(artist.text(for_reasons, good=11, bad=0, least=10)).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()
    page.reload()  # the draft is still there
    expect(tiles(artist)).to_have_count(11)
    artist.button("Next: tags").click()

    artist.button("Select all shown").click()
    artist.field("Tags for the selected artworks").fill("Boat, sea")
    artist.button("Add").click()
    artist.button("Clear selection").click()
    artist.field("Choose %(file)s", file="work-03.png").check()
    artist.field("Tags for the selected artworks").fill("밤")
    expect(page.get_by_role("option").first).to_have_text("밤→night")
    artist.button("Add").click()
    expect(page.get_by_role("button", name="night 1")).to_be_visible()
    artist.button("Next: signature").click()

    artist.radio("Type").check()
    artist.field("Your name").fill("Yuna Oh")
    artist.radio("Large").check()
    artist.radio("Left").check()
    artist.button("Next: price and licence").click()

    fill_terms(artist, name)
    artist.button("Upload and train").click()
    expect(page).to_have_url(re.compile(r"/styles/\d+"), timeout=60_000)
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    expect(artist.heading("Training your style")).to_be_visible()
    expect(artist.heading("Your style is trained")).to_be_visible(timeout=LEARNING_MS)
    chosen = decide(artist, service, name)
    expect(artist.heading("Make a picture")).to_be_visible()

    [style] = service.rows(
        "SELECT styles.*, signature_position FROM styles JOIN artists ON user_id = artist_id "
        "WHERE name = :name",
        name=name,
    )
    assert style.adapter_sha256 == chosen.adapter_sha256
    assert (style.thumbnail_key, style.sample_keys[0]) == (
        chosen.thumbnail_keys[1],
        chosen.sample_keys[1],
    )
    assert style.rights_statement == rights.statement(language)
    assert style.signature_position == "bottom-left"
    check_words(service, style.id)

    artist.open("/styles")
    expect(page.locator(".picture-grid").get_by_role("link", name=name).first).to_be_visible()


def decide(artist, service, name):
    """Compare, try words of one's own, and put the first kept checkpoint on sale.

    Returns that checkpoint; its second sample is the cover.
    """
    page = artist.page
    kept = service.rows(
        "SELECT checkpoints.* FROM checkpoints"
        " JOIN training_runs ON training_runs.id = training_run_id"
        " JOIN styles ON styles.id = style_id WHERE name = :name ORDER BY step",
        name=name,
    )
    expect(page.locator(".covers input")).to_have_count(4 * len(kept))
    expect(page.locator(".judged img").first).to_be_visible()
    expect(page.locator(".gain").first).to_be_visible()
    assert page.locator(".gain").count() in {1, len(kept)}  # equal ones are said once
    for theme in THEMES:
        artist.wear(theme)
        assert artist.barriers() == []
        assert not artist.is_wider_than_its_window()

    expect(artist.page.get_by_text(left(artist, 8), exact=True)).to_be_visible()
    artist.field("What should be in the picture?").fill("boat, sea")
    page.locator("#try-step").select_option(str(kept[0].step))
    artist.button("Make a free test picture").click()
    expect(artist.page.get_by_text(left(artist, 7), exact=True)).to_be_visible()
    expect(page.locator(".test-pictures img")).to_be_visible(timeout=LEARNING_MS)
    assert artist.barriers() == []

    cover = artist.radio(
        "Sample %(number)d of step %(step)d as the cover", number=2, step=kept[0].step
    )
    cover.check()
    message = (
        "Put on sale · %(personal)s token personal, %(commercial)s commercial",
        "Put on sale · %(personal)s tokens personal, %(commercial)s commercial",
    )
    name = artist.words.many(*message, 7, personal=7, commercial=9)
    page.get_by_role("button", name=name, exact=True).click()
    return kept[0]


def check_words(service, style_id):
    """Every work has its words, and one of them one more."""
    query = "SELECT tags FROM artworks WHERE style_id = :id AND status = 'valid'"
    kept = [set(row.tags) for row in service.rows(query, id=style_id)]
    assert len(kept) == 11
    assert all({"boat", "sea"} <= tags for tags in kept)
    assert sum("night" in tags for tags in kept) == 1


@pytest.mark.parametrize("size,language", [(PHONE, "en")])
def test_an_upload_that_was_cut_off_goes_on_when_the_artist_comes_back(artist, service):
    page, name = artist.page, f"Cut Off {secrets.token_hex(4)}"
    artist.open("/studio/new")
    moving = {"name": "moving.jpg", "mimeType": "image/jpeg", "buffer": gif()}
    page.locator("#files").set_input_files([*(good(number) for number in range(10)), moving])
    expect(tiles(artist, ".bad")).to_contain_text(artist.words("Not a JPG or PNG"))
    artist.button("Remove %(file)s", file="moving.jpg").click()
    expect(tiles(artist)).to_have_count(10)
    page.locator(".steps a", has_text=artist.words("Price and licence")).click()
    fill_terms(artist, name)
    page.route("**/storage/**", let_through(3))
    with artist.expecting("net::ERR_FAILED"):
        artist.button("Upload and train").click()
        expect(artist.text("Retrying…").first).to_be_visible()
        expect(artist.text("%(count)s of %(total)s uploaded", count=3, total=10)).to_be_visible()
        page.on("dialog", lambda dialog: dialog.accept())
        artist.open("/studio")
    page.unroute("**/storage/**")

    with artist.expecting(409):  # which files are missing
        artist.button("Upload the rest").click()
        page.wait_for_url("**/styles/*")
    [style] = service.rows("SELECT id FROM styles WHERE name = :name", name=name)
    assert len(service.rows("SELECT 1 FROM artworks WHERE style_id = :id", id=style.id)) == 10
    page.get_by_text(artist.words("Cancel training")).click()
    artist.button("Cancel now").click()
    expect(artist.heading("Training canceled")).to_be_visible()


def let_through(count):
    """Cut the line after so many uploads."""
    sent = set()

    def cut(route):
        if route.request.method == "PUT":
            if len(sent) >= count:
                return route.abort()
            sent.add(route.request.url)
        return route.continue_()

    return cut


def series(number):
    """One work of a series: the same scene, with another small mark."""
    image = scene(640, 640, seed=77)
    ImageDraw.Draw(image).rectangle((300, 300, 310 + 2 * number, 310), fill="black")
    return file(f"series-{number}.png", encoded(image))


def on_clear(ink):
    """A ring on a clear sheet, or nothing."""
    image = Image.new("RGBA", (640, 640), (255, 255, 255, 0))
    if ink:
        ImageDraw.Draw(image).ellipse((100, 100, 500, 500), outline=ink, width=40)
    return encoded(image)


@pytest.mark.parametrize("size,language", [(PHONE, "en")])
def test_works_are_judged_at_once_as_the_server_will_judge_them(artist):
    page = artist.page
    artist.open("/studio/new")
    page.locator("#files").set_input_files(
        [
            file("white ink.png", on_clear("white")),
            file("nothing.png", on_clear(None)),
            file("ribbon.png", encoded(scene(8704, 512, seed=3))),
            *(series(number) for number in range(10)),
        ]
    )
    expect(tiles(artist)).to_have_count(13)
    expect(tiles(artist, ".bad")).to_have_count(2)
    expect(tiles(artist).nth(1)).to_contain_text(artist.words("Blank: nothing is visible"))
    expect(tiles(artist).nth(2)).to_contain_text(artist.words("More than 16 times as long as wide"))
    similar = artist.words("Nearly identical to %(file)s", file="series-0.png")
    expect(tiles(artist).nth(12)).to_contain_text(similar)
    artist.button("Remove %(file)s", file="nothing.png").click()
    artist.button("Remove %(file)s", file="ribbon.png").click()
    for_reasons = "%(good)s usable, %(bad)s with a problem · at least %(least)s needed"
    expect(artist.text(for_reasons, good=2, bad=0, least=10)).to_be_visible()
    artist.field("Use all of them: each is an artwork of its own").check()
    expect(artist.text(for_reasons, good=11, bad=0, least=10)).to_be_visible()
    page.reload()
    expect(artist.field("Use all of them: each is an artwork of its own")).to_be_checked()
    artist.button("Next: tags").click()
    expect(artist.heading("Tag your artworks")).to_be_visible()
    # Of a joined group, Pico would give the first button square corners.
    expect(page.locator("[data-untagged]")).to_have_css("border-radius", "16px")


@TWO_WINDOWS
@pytest.mark.usefixtures("places")
def test_no_file_is_called_uploaded_before_the_site_says_which_it_has(visit, cookies):
    artist = visit(storage_state=cookies(SLOW))
    page, questions = artist.page, []
    page.route("**/confirm-upload", lambda route: questions.append(route))  # noqa: PLW0108 - playwright marks its handlers
    with artist.expecting(409):
        artist.open("/studio/new")
        expect(page.locator("#resume [data-state=waiting]")).to_have_count(10)
        expect(page.locator("#resume [data-state=sent]")).to_have_count(0)
        questions.pop().continue_()
        expect(page.locator("#resume [data-state=lost]")).to_have_count(10)
    artist.check_in_both_themes()
