"""Strangers with a picture: they verify it, and read and print its certificate."""

import base64
import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests import images
from tests.browser.visitor import DESK, PHONE

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

DEEP_SEARCH_MS = 120_000
A_QUARTER = 0.25
TRANSFER = """
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const how = { dataTransfer: data, clipboardData: data, bubbles: true, cancelable: true };
"""
DROP = f"""(area, [name, base64]) => {{
  {TRANSFER} area.dispatchEvent(new DragEvent("drop", how));
}}"""
PASTE = f"""([name, base64]) => {{
  {TRANSFER} document.dispatchEvent(new ClipboardEvent("paste", how));
}}"""


@pytest.fixture(scope="session")
def three_delivered(inhabited):
    """The numbers of three certificates, and the files of their public pictures."""
    rows = inhabited.rows(
        """SELECT c.public_id, g.image_key FROM certificates c
           JOIN generations g ON g.id = c.generation_id
           WHERE g.is_public ORDER BY c.id LIMIT 3"""
    )
    return [(row.public_id, inhabited.storage.get(row.image_key)) for row in rows]


@pytest.fixture(scope="session")
def delivered(three_delivered):
    return three_delivered[0]


def choose(visitor, name, data):
    visitor.field("Picture").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": data}
    )


def cropped_by_a_quarter(data):
    """The part that an ordinary tool leaves, as an ordinary JPEG."""
    with Image.open(io.BytesIO(data)) as picture:
        left, top = (round(A_QUARTER * side) for side in picture.size)
        part = picture.convert("RGB").crop((0, 0, picture.width - left, picture.height - top))
    return images.encoded(part, "JPEG", quality=50)


@pytest.mark.parametrize(
    "size, language, theme",
    [(PHONE, "ko", "dark"), pytest.param(DESK, "en", "light", marks=pytest.mark.long)],
    ids=["phone-ko-dark", "desk-en-light"],
)
def test_parts_that_were_saved_again_lead_to_their_certificates(
    visit, three_delivered, size, language, theme
):
    visitor = visit()
    visitor.wear(theme)
    assert len(three_delivered) == 3
    for public_id, file in three_delivered:
        visitor.open("/verify")
        choose(visitor, "found.jpg", cropped_by_a_quarter(file))
        heading = visitor.heading("This picture has a valid licence")
        expect(heading).to_be_visible(timeout=DEEP_SEARCH_MS)
        assert visitor.barriers() == []
        assert not visitor.is_wider_than_its_window()
        visitor.button("Open the certificate").click()
        expect(visitor.page).to_have_url(re.compile(f"/l/{public_id}$"))
        expect(visitor.heading("Certificate")).to_be_visible()


@pytest.mark.parametrize("size, language", [(DESK, "en")], ids=["desk-en"])
def test_a_foreign_picture_that_is_dropped_is_claimed_by_nobody(visitor, inhabited):
    photo = images.jpeg(320, 240)
    visitor.open("/verify")
    area = visitor.page.locator(".drop")
    area.evaluate(DROP, ["photo.jpg", base64.b64encode(photo).decode()])
    expect(visitor.page.locator("#chosen")).to_be_visible()
    expect(visitor.heading("No licence was found")).to_be_visible(timeout=DEEP_SEARCH_MS)
    assert visitor.page.locator("#report a[href^='/l/']").count() == 0
    assert visitor.barriers() == []


@pytest.mark.parametrize("size, language", [(DESK, "en")], ids=["desk-en"])
def test_a_picture_that_is_pasted_leads_to_its_certificate(visitor, delivered):
    public_id, file = delivered
    visitor.open("/verify")
    visitor.page.evaluate(PASTE, ["copied.jpg", base64.b64encode(file).decode()])
    expect(visitor.button("Open the certificate")).to_have_attribute("href", f"/l/{public_id}")


@pytest.mark.parametrize("size, language", [(PHONE, "en")], ids=["phone-en"])
def test_a_photo_of_the_camera_replaces_a_picture_that_was_chosen_before(visitor, delivered):
    public_id, file = delivered
    visitor.open("/verify")
    with visitor.expecting(422):
        choose(visitor, "notes.jpg", b"no picture")
        expect(visitor.text("This file is not a JPG, PNG or WebP picture.")).to_be_visible()
    taken = {"name": "image.jpg", "mimeType": "image/jpeg", "buffer": file}
    visitor.page.locator("input[capture]").set_input_files(taken)
    expect(visitor.button("Open the certificate")).to_have_attribute("href", f"/l/{public_id}")


@pytest.mark.parametrize("size, language", [(PHONE, "ko")], ids=["phone-ko"])
def test_a_file_that_is_no_picture_is_refused_beside_the_form_and_another_can_follow(
    visitor, delivered
):
    public_id, file = delivered
    visitor.open("/verify")
    with visitor.expecting(422):
        choose(visitor, "notes.jpg", b"no picture")
        refusal = visitor.text("This file is not a JPG, PNG or WebP picture.")
        expect(refusal).to_be_visible()
        expect(refusal).to_be_focused()
    assert visitor.barriers() == []
    choose(visitor, "delivered.jpg", file)
    expect(visitor.button("Open the certificate")).to_have_attribute("href", f"/l/{public_id}")


@pytest.mark.parametrize("size", [DESK], ids=["desk"])
def test_a_certificate_prints_on_one_page_whatever_the_theme(visitor, delivered):
    public_id, _ = delivered
    visitor.wear("dark")
    visitor.open(f"/l/{public_id}")
    expect(visitor.button("Print")).to_be_visible()
    printed = visitor.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    with visitor.page.expect_download() as downloading:
        visitor.button("Download PDF").click()
    assert downloading.value.suggested_filename == f"certificate-{public_id}.pdf"
