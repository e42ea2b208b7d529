"""The page that verifies pictures, as people read it."""

import io
import secrets
from datetime import UTC, date, datetime

import numpy as np
import pytest
from flask import render_template
from PIL import Image
from sqlalchemy import update

from tests import delivering, images
from tests.webapp.pages.reading import Page
from webapp.domain.models.deep_search import DeepSearch
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.queries.verifications import Layer, Match, Method, Note, ShownReport
from webapp.domain.services import deep_searches
from webapp.pages import verification_words

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def delivered(session, storage, ordered):
    """The file of a private picture with a watermark."""
    return delivering.deliver(session, storage, ordered, delivering.picture())


@pytest.fixture
def foreign():
    """A picture that is not ours, another one in each test: answers are cached."""
    levels = np.random.default_rng().integers(0, 256, (96, 96, 3))
    return images.encoded(Image.fromarray(levels.astype(np.uint8)))


@pytest.fixture
def limited_client(limited_app):
    """Somebody at an address of their own, where requests are counted."""
    client = limited_app.test_client()
    numbers = ":".join(secrets.token_hex(2) for _ in range(5))
    client.environ_base["REMOTE_ADDR"] = f"2001:db8:{numbers}:1"
    return client


def send(client, *files, **options):
    form = {"image": [(io.BytesIO(file), name) for name, file in files]}
    return client.post("/verify", data=form, content_type="multipart/form-data", **options)


def match(**changes):
    usual = {
        "public_id": "L_one",
        "method": Method.WATERMARK,
        "confidence": 0.99,
        "status": "valid",
        "valid_to": None,
        "revoked_at": None,
        "artist_name": "Mina Park",
        "style_name": "Wet Paper",
        "issued_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return Match(**(usual | changes))


@pytest.fixture
def report_of(app):
    """The text of a report, in a language."""

    def text(*matches, notes=(), language="en", search=None):
        report = ShownReport(list(matches), tuple(Layer), tuple(notes))
        with app.test_request_context(headers={"Accept-Language": language}):
            answer = render_template(
                "verifications/outcome.html",
                report=report,
                search=search,
                texts=verification_words,
            )
        return " ".join(answer.split())

    return text


def test_the_form_is_plain_and_takes_files_and_photos(client):
    page = Page(client.get("/verify"))
    [form] = page.all("form", id="verify")
    assert (form["method"], form["enctype"]) == ("post", "multipart/form-data")
    chosen, camera = page.all("input", type="file")
    assert chosen["name"] == camera["name"] == "image"
    assert camera["capture"] == "environment"


def test_without_scripts_the_whole_page_names_the_certificate(client, ordered, delivered):
    # A browser sends a file field that nobody filled as a file without a name.
    page = Page(send(client, ("mine.png", delivered), ("", b"")))
    assert f"/l/{ordered.license_public_id}" in page.links()
    assert "This picture has a valid licence" in page.text
    assert len(page.all("h1")) == 1


def test_with_scripts_only_the_report_is_sent(client, ordered, delivered):
    page = Page(send(client, ("mine.png", delivered), headers=FRAGMENT))
    assert page.all("html") == []
    assert f"/l/{ordered.license_public_id}" in page.links()


def test_the_answer_comes_at_once_and_the_deep_search_later(client, session, ordered, delivered):
    part = delivering.cropped(delivered, 0.25)
    page = Page(send(client, ("part.jpg", part), headers=FRAGMENT))
    assert "Searching further" in page.text
    [address] = {link for link in page.links() if link.startswith("/verify/V_")}
    assert page.all("div", **{"hx-get": address, "hx-trigger": "every 2s"})
    waiting = client.get(address, headers=FRAGMENT)
    assert (waiting.status_code, waiting.data) == (204, b"")
    whole = client.get(address)
    assert f'content="3; url={address}"' in whole.text
    finding = {"public_id": ordered.license_public_id, "method": "watermark", "confidence": 0.99}
    report = {"findings": [finding], "checked": ["watermark_search"], "notes": []}
    finish(session, JobState.DONE, report=report)
    ended = Page(client.get(address, headers=FRAGMENT))
    assert f"/l/{ordered.license_public_id}" in ended.links()
    assert [div for div in ended.all("div") if "hx-get" in div] == []
    assert "http-equiv" not in client.get(address).text
    again = Page(send(client, ("part.jpg", part), headers=FRAGMENT))
    assert f"/l/{ordered.license_public_id}" in again.links()


def finish(session, state, **values):
    session.execute(update(Job).where(Job.kind == JobKind.DEEP_SEARCH).values(state=state))
    session.execute(update(DeepSearch).values(**values))
    session.commit()


@pytest.mark.parametrize(
    "cause, text",
    [
        ("PICTURE_EXPIRED", "was deleted before its turn"),
        ("SEARCH_TIMEOUT", "The search took too long"),
        ("UNKNOWN", "The search failed"),
    ],
)
def test_a_deep_search_without_an_answer_says_why(client, session, foreign, cause, text):
    page = Page(send(client, ("other.png", foreign)))
    [address] = {link for link in page.links() if link.startswith("/verify/V_")}
    finish(session, JobState.FAILED, failure_cause=cause)
    ended = Page(client.get(address, headers=FRAGMENT)).text
    assert text in ended
    assert "This does not prove that it is from elsewhere" in ended


def test_a_foreign_picture_is_not_claimed_and_nothing_is_said_to_be_proved(report_of):
    text = report_of()
    assert "/l/" not in text
    assert "No licence was found" in text
    assert "This does not prove that it is from elsewhere" in text


def test_a_full_queue_says_that_the_picture_was_not_checked(client, foreign, monkeypatch):
    monkeypatch.setattr(deep_searches, "MAX_WAITING", 0)
    answer = send(client, ("other.png", foreign), headers=FRAGMENT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "20")
    assert "Yours was not checked. Please wait 20 seconds." in Page(answer).text


@pytest.mark.parametrize(
    "file, text",
    [
        (images.gif(), "This file is not a JPG, PNG or WebP picture."),
        (images.heavy(20 * 1024 * 1024 + 1), "This file is larger than 20 MB."),
        (images.png_claiming(20000, 20000), "This picture has more than 50 megapixels."),
        (images.webp_claiming(12_000, 12_000), "This picture has more than 50 megapixels."),
        (images.png(63, 200), "This picture is too small."),
        (images.half_of(images.jpeg()), "This file is damaged"),
    ],
    ids=["gif", "heavy", "bomb", "webp-bomb", "tiny", "damaged"],
)
def test_a_bad_file_is_refused_with_the_reason(client, file, text):
    answer = send(client, ("bad", file), headers=FRAGMENT)
    assert answer.status_code == 422
    assert text in Page(answer).text


def test_the_eleventh_picture_of_a_minute_is_refused_with_the_wait(limited_client, delivered):
    for _ in range(10):
        assert send(limited_client, ("mine.png", delivered)).status_code == 200
    answer = send(limited_client, ("mine.png", delivered), headers=FRAGMENT)
    assert answer.status_code == 429
    assert f"Please try again in {answer.headers['Retry-After']} s" in Page(answer).text


def test_a_form_without_one_picture_asks_for_one(client, delivered):
    for files in ([], [("", b"")], [("a.png", delivered), ("b.png", delivered)]):
        answer = send(client, *files)
        assert answer.status_code == 422
        assert "Choose one picture." in Page(answer).text


def test_revoked_and_expired_licences_say_so_first_with_their_date(report_of):
    revoked = match(status="revoked", revoked_at=datetime(2026, 11, 3, 9, 5, tzinfo=UTC))
    text = report_of(revoked)
    assert text.index("was revoked") < text.index("Revoked · 2026-11-03 09:05 UTC")
    expired = report_of(match(status="expired", valid_to=date(2026, 11, 3)))
    assert expired.index("has expired") < expired.index("Expired · 2026-11-03 (Seoul time)")


def test_the_same_picture_with_several_licences_is_not_called_valid_or_revoked_as_a_whole(
    report_of,
):
    revoked = match(status="revoked", revoked_at=datetime(2026, 11, 3, 9, 5, tzinfo=UTC))
    text = report_of(revoked, match(public_id="L_two"))
    assert "several licences, and not all of them are valid" in text
    assert text.index("/l/L_one") < text.index("/l/L_two")
    assert "Each delivery has its own certificate." in text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_method_layer_and_note_has_words(report_of, language):
    text = report_of(*(match(method=each) for each in Method), notes=Note, language=language)
    assert "None" not in text
    assert text.count("<li>") == len(Method) + len(Note)


def test_a_picture_too_changed_to_be_compared_is_not_called_the_same(report_of):
    text = report_of(match(confidence=0.9))
    assert "too changed to tell whether it shows the delivered picture" in text
    assert "Certainty: 90 %" in text
    assert "Certainty: 99 %" in report_of(match(confidence=0.999))
    assert "Certainty: 100 %" in report_of(match(method=Method.HASH, confidence=1.0))


def test_a_watermark_alone_is_not_headed_as_a_proof(report_of):
    text = report_of(match(confidence=0.9))
    assert '<h2 class="state">Probably a picture with a valid licence</h2>' in text
    compared = report_of(match(confidence=0.9), match(public_id="L_two"))
    assert '<h2 class="state valid">This picture has a valid licence</h2>' in compared
    expired = report_of(match(confidence=0.9, status="expired", valid_to=date(2026, 11, 3)))
    assert "Probably a picture whose licence has expired" in expired
    day = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    revoked = report_of(match(confidence=0.9, status="revoked", revoked_at=day))
    assert "Probably a picture whose licence was revoked" in revoked
    for text in (expired, revoked):
        assert "Compare it with the picture on the certificate." in text
        assert "Nobody may use" not in text


def test_an_order_with_the_same_settings_is_not_called_compared(report_of):
    text = report_of(match(), match(public_id="L_two", method=Method.TWIN, confidence=0.95))
    assert text.count("shows the delivered picture") == 1
    assert "ordered with the same settings" in text


def test_the_page_says_that_a_watermark_names_a_certificate(client):
    assert "or carries its watermark" in Page(client.get("/verify")).text


def test_every_page_every_certificate_and_every_picture_lead_to_verification(client, image):
    for address, links in (("/", 1), (f"/l/{image.license_public_id}", 2), (f"/g/{image.id}", 2)):
        assert Page(client.get(address)).links().count("/verify") == links
