"""What a buyer does with pictures: waits in the queue, makes another one, finds what was liked."""

import re
import signal
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tests import making
from tests.browser.visitor import TWO_WINDOWS
from tests.pages import BUYER
from webapp.domain import jobs
from webapp.domain.models.job import Job, JobKind, JobState

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def waiting_worker(service):
    """The GPU worker claims nothing until the end of the test, and nobody else's order waits."""
    service.wait_until_drawn()
    service.gpu.send(signal.SIGSTOP)
    yield
    service.gpu.send(signal.SIGCONT)


@TWO_WINDOWS
def test_an_order_in_the_queue_says_its_place_and_can_be_canceled(visit, places, waiting_worker):
    buyer = visit()
    buyer.sign_up(then=f"/styles/{places['style']}")
    page = buyer.page
    before = page.locator("#balance").inner_text()
    buyer.add_tag("castle")
    page.get_by_role("radio", name="2", exact=True).check()
    page.locator("#buy").click()
    tiles = page.locator("#tiles .tile.queued")
    expect(tiles).to_have_count(2)
    places_said = [
        buyer.words("In queue: next"),
        buyer.words("In queue: %(count)s before it", count=1),
    ]
    for place in places_said:
        expect(tiles.filter(has_text=place)).to_have_count(1)
    buyer.check_in_both_themes()
    for left in (1, 0):
        tiles.first.get_by_role("button", name=buyer.words("Cancel")).click()
        expect(tiles).to_have_count(left)
    expect(page.locator("#tiles .tile.canceled")).to_have_count(2)
    expect(page.locator("#balance")).to_have_text(before)


@pytest.fixture
def measured_pace(service, waiting_worker):
    """The last two pictures ended half a minute after each other. Their times are those of a few
    minutes later, so that the worker counts as alive for as long as the test takes.
    """
    with service.session() as session:
        of_pictures = Job.kind == JobKind.GENERATION, Job.state == JobState.DONE
        last = session.scalars(select(Job.id).where(*of_pictures).order_by(Job.ref.desc()).limit(2))
        later = session.scalar(select(jobs.NOW)) + timedelta(minutes=5)
        for number, job_id in enumerate(last):
            ended = later - timedelta(seconds=30 * number)
            ordered = ended - timedelta(minutes=1)
            making.change_job(session, job_id, created_at=ordered, finished_at=ended)


@TWO_WINDOWS
def test_the_first_in_the_queue_says_when_it_will_probably_be_ready(visit, places, measured_pace):
    buyer = visit()
    buyer.sign_up(then=f"/styles/{places['style']}")
    page = buyer.page
    buyer.add_tag("castle")
    page.locator("#buy").click()
    tile = page.locator("#tiles .tile.queued")
    ready = re.escape(buyer.words("In queue: next, ready in about %(duration)s", duration="@"))
    said = re.compile(ready.replace("@", r"\d+\s?\S+"))
    expect(tile).to_contain_text(said)
    buyer.check_in_both_themes()
    buyer.open("/me?state=making")
    expect(page.locator("main")).to_contain_text(said)
    buyer.check_in_both_themes()
    page.locator(".work.queued a").first.click()
    expect(page.locator(".tile.queued")).to_contain_text(said)
    buyer.button("Cancel", exact=False).click()
    expect(page.locator(".tile.canceled")).to_have_count(1)


@TWO_WINDOWS
def test_another_picture_begins_with_the_same_words(visit, cookies, places):
    owner = visit(storage_state=cookies(BUYER))
    page = owner.page
    owner.open(f"/g/{places['own_public_image']}")
    owner.button("Another one with these words").click()
    expect(page).to_have_url(re.compile(r"/styles/\d+\?like="))
    expect(page.locator(".tags-input .chip").first).to_be_visible()
    owner.check_in_both_themes()


@TWO_WINDOWS
def test_liked_pictures_are_among_the_own_ones(visit, places):
    reader = visit()
    picture = f"/g/{places['own_public_image']}"
    reader.sign_up(then=picture)
    like = reader.button("Like", exact=False).first
    with reader.page.expect_response(re.compile("/like$")):
        like.click()
    expect(like).to_have_attribute("aria-pressed", "true")
    reader.open("/me?state=liked")
    card = reader.page.locator(f".picture-grid a[href^='{picture}']")
    expect(card.first).to_be_visible()
    reader.check_in_both_themes()
    with reader.page.expect_response(re.compile("/like$")):
        reader.page.locator(".picture-grid .like button").first.click()
    reader.open("/me?state=liked")
    expect(card).to_have_count(0)
    expect(reader.page.locator(".empty")).to_be_visible()
