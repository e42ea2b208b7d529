"""An artist at the studio, in a browser, with real workers behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import images
from tests.stack import REAL_ENGINE
from tests.stack_fixtures import works
from webapp.domain.services import rights

TRAINING_MS = 200_000
SHOWN_MS = 30_000
expect.set_options(timeout=SHOWN_MS)


@pytest.fixture
def context(stack, person, browser) -> Iterator[BrowserContext]:
    """A browser on a phone, in which an artist is signed in."""
    stack.use_engine(REAL_ENGINE)
    artist = person("Studio")
    artist.become_artist("Studio Artist")
    opened = browser.new_context(
        base_url=stack.site, viewport={"width": 360, "height": 800}, locale="en-US"
    )
    opened.add_cookies(
        [
            {"name": each.name, "value": each.value or "", "url": stack.site}
            for each in artist.http.cookies.jar
        ]
    )
    yield opened
    opened.close()


@pytest.fixture
def page(context) -> Page:
    opened = context.new_page()
    opened.failures = []
    opened.on("pageerror", lambda error: opened.failures.append(str(error)))
    return opened


def named(files: list[bytes]) -> list[dict]:
    return [
        {"name": f"work {number}.png", "mimeType": "image/png", "buffer": data}
        for number, data in enumerate(files)
    ]


def bad_ones() -> list[dict]:
    small = {"name": "small.png", "mimeType": "image/png", "buffer": images.png(300, 400)}
    return [small, {"name": "moving.jpg", "mimeType": "image/jpeg", "buffer": images.gif()}]


def tiles(page: Page, state: str = ""):
    return page.locator(f"#works > li{state}")


def fill_terms(page: Page, name: str) -> None:
    page.fill("#name", name)
    page.fill("#style-description", "Drawn for a test.")
    page.check("#rights")


def test_from_twelve_photos_with_two_bad_ones_to_a_style_on_sale(page, stack):
    eleven = named(works(11, seed=7))
    page.goto("/studio")
    page.get_by_role("button", name="Make your first style").click()
    page.set_input_files("#files", [*bad_ones(), *eleven[:10]])
    expect(tiles(page)).to_have_count(12)
    expect(tiles(page, ".bad")).to_have_count(2)
    expect(tiles(page).nth(0)).to_contain_text("Smaller than 512 × 512")
    expect(tiles(page).nth(1)).to_contain_text("Not a JPG or PNG")
    page.get_by_role("button", name="On to the words").click()
    expect(page.locator("#problem")).to_be_focused()
    expect(page.locator("#problem")).to_contain_text("2 works have a problem")

    page.locator("#works li.bad .instead").first.set_input_files(eleven[10])
    expect(tiles(page, ".bad")).to_have_count(1)
    page.get_by_role("button", name="Remove moving.jpg").click()
    expect(tiles(page, ".bad")).to_have_count(0)
    page.reload()  # the draft is still there
    expect(tiles(page)).to_have_count(11)

    page.get_by_role("button", name="On to the words").click()
    page.get_by_role("button", name="Choose all shown").click()
    page.fill("#word", "Boat, sea")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="boat 11")).to_be_visible()
    page.get_by_role("button", name="Choose none").click()
    page.get_by_role("checkbox", name="Choose work 4.png").check()
    page.fill("#word", "night")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="night 1")).to_be_visible()

    page.get_by_role("button", name="On to the signature").click()
    page.locator("label", has_text="Type").click()
    page.fill("#signature-text", "Studio")
    page.locator("label", has_text="Left").click()
    page.get_by_role("button", name="On to the terms").click()
    fill_terms(page, "Studio Harbor")
    page.get_by_role("button", name="Upload and train").click()
    page.wait_for_url("**/styles/*")
    expect(page.get_by_role("heading", name="Make a picture")).to_be_visible(timeout=TRAINING_MS)

    [row] = stack.rows("SELECT * FROM styles WHERE name = 'Studio Harbor'")
    assert row.rights_statement == rights.statement("en")
    query = "SELECT tags FROM artworks WHERE style_id = :id AND status = 'valid' ORDER BY idx"
    kept = [found.tags for found in stack.rows(query, id=row.id)]
    assert len(kept) == 11
    assert all({"boat", "sea"} <= set(tags) for tags in kept)
    assert sum("night" in tags for tags in kept) == 1
    [signed] = stack.rows("SELECT * FROM artists WHERE user_id = :id", id=row.artist_id)
    assert signed.signature_position == "bottom-left"
    page.goto("/studio")
    expect(page.locator(".present")).to_contain_text("On sale")
    assert page.failures == []


def test_an_upload_that_was_cut_off_goes_on_after_a_reload(page, stack):
    sent: dict[str, int] = {}

    def cut(route):
        """Let three files through, and nothing after them."""
        if route.request.method == "PUT" and len(sent) >= 3:
            return route.abort()
        if route.request.method == "PUT":
            sent[route.request.url] = 1
        return route.continue_()

    page.goto("/studio/new")
    page.set_input_files("#files", named(works(10, seed=8)))
    expect(tiles(page)).to_have_count(10)
    page.locator(".steps a", has_text="Offer").click()
    fill_terms(page, "Cut Off")
    page.route("**/storage/**", cut)
    page.get_by_role("button", name="Upload and train").click()
    expect(page.get_by_text("Trying again…").first).to_be_visible()
    expect(page.get_by_text("3 of 10 arrived")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/studio")
    page.unroute("**/storage/**")

    page.get_by_role("button", name="Send the rest").click()
    page.wait_for_url("**/styles/*")
    [row] = stack.rows("SELECT id FROM styles WHERE name = 'Cut Off'")
    assert len(stack.rows("SELECT 1 FROM artworks WHERE style_id = :id", id=row.id)) == 10
    assert page.failures == []
    page.get_by_text("Stop the training").click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_role("heading", name="The training was stopped")).to_be_visible()
